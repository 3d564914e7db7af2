import type { SmpError } from '@brickproof/agent';
import type { DocumentPath } from '@brickproof/agent/node';
import type { Accepted, Rejected, Verdict } from '@brickproof/bootloader-sim';
import type { BoardState } from '../board/board-options.js';
import type { SmpClient } from '../client/smp-client.js';
import type { SmpResult } from '../client/smp-result.js';
import type { PhasedFaultDocument } from '../fault/fault-schema.js';
import type { AreaWear } from '../fault/wear.js';
import type { WaitingFault } from './armed-faults.js';
import type { ConsoleLog } from './console-log.js';
import type { WayRefusalCode } from './refusal-code.js';
import type { PlannedCut } from './step.js';

/** What can be seen of a device. On a real one only what it tells, and nothing when it is silent. */
export interface Observation {
  readonly version: string | undefined;
  readonly slot: number | undefined;
  readonly confirmed: boolean | undefined;
  readonly pending: boolean | undefined;
  /** `none` when the other slot holds no image. */
  readonly otherVersion: string | undefined;
  /** That of the second image, on a device with two. */
  readonly secondVersion: string | undefined;
  /** Only of a virtual board. */
  readonly board: BoardState | undefined;
  /** Why nothing is known, when it is so. */
  readonly silence: string | undefined;
}

/** A request that brought no answer, or a refusal. */
export interface TalkFailure extends Rejected<WayRefusalCode> {
  readonly deviceError?: SmpError;
}

/** What a request brought. */
export type TalkResult<T> = Accepted<T> | TalkFailure;

/** What a request is about: power cuts can wait for one of these. */
export type TalkPurpose = 'upload' | 'mark' | 'other';

/** A device while a scenario is done to it. */
export interface ScenarioDevice {
  readonly console: ConsoleLog;
  /** Board time, or real time on a real device, from the start of the scenario. */
  nowMs(): number;
  /** Asks the device something, over whatever connection there is. */
  talk<T>(
    purpose: TalkPurpose,
    ask: (client: SmpClient) => Promise<SmpResult<T>>,
  ): Promise<TalkResult<T>>;
  observe(): Promise<Observation>;
  /** Lets time pass; ends early, and answers true, once the condition holds. */
  pass(durationMs: number, until?: () => Promise<boolean>): Promise<boolean>;
  /** After a reset was asked for: until it has happened. Answers whether it did. */
  awaitReset(): Promise<boolean>;
  /** What only a virtual board allows. */
  readonly controls: BoardControls | undefined;
  close(): Promise<void>;
}

/** What can be done to a virtual board and to no other. */
export interface BoardControls {
  /** Switches on, and lets the board boot. */
  powerOn(): Promise<void>;
  powerOff(): Promise<void>;
  pressReset(): Promise<void>;
  /** Answers false when too many wait already. */
  planCut(cut: PlannedCut, path: DocumentPath): boolean;
  /** Switches a fault on, or all off. Answers false when there are too many already. */
  switchFault(fault: 'off' | PhasedFaultDocument, path: DocumentPath): boolean;
  /** A cut or a fault that has not happened. */
  readonly waiting: WaitingFault | undefined;
  /** How often each sector of the flash was erased since the scenario began. */
  readonly wear: readonly AreaWear[];
  setLink(to: 'up' | 'down'): Promise<Verdict<void, string>>;
}

/** Why a scenario cannot begin, with what the device printed. */
export interface StartRefusal extends Rejected<string> {
  readonly console?: readonly string[];
}

/** Makes the device of a scenario ready, with its firmware. */
export interface DeviceBench {
  start(image: Uint8Array): Promise<Accepted<ScenarioDevice> | StartRefusal>;
}

/** A version as scenarios write it: without a build number of 0. */
export function canonicalVersion(text: string): string {
  const [, main, build = '0'] = /^(\d+\.\d+\.\d+)(?:[+.](\d+))?$/.exec(text) ?? [];
  if (main === undefined) return text;
  return Number(build) === 0 ? main : `${main}+${build}`;
}
