import type { DocumentPath, DocumentPlace } from '@brickproof/agent/node';
import type { StrategyName } from '@brickproof/bootloader-sim';
import type { DeviceModelName } from '../board/device-model.js';
import type { BehaviourName } from '../board/named-behaviour.js';
import type { PhasedFaultDocument } from '../fault/fault-schema.js';
import type { LinkKind } from './device-schema.js';
import type { Step } from './step.js';

/** The board of a scenario, apart from what may be a matrix. */
export interface ScenarioBoard {
  /** Paths of the keys it trusts; undefined for the test keys of the samples. */
  readonly keyPaths: readonly string[] | undefined;
  readonly securityCounter: number | 'none' | undefined;
  readonly agentVerifies: boolean;
  readonly behaviour: BehaviourName | undefined;
  readonly confirmsItself: boolean;
  readonly settleMs: number | undefined;
  readonly timeoutMs: number | undefined;
  readonly bufferSizeBytes: number | undefined;
  /** The second image of a model with two; undefined for a sample. */
  readonly secondImage: string | undefined;
  /** Faults that its flash has from the first moment. */
  readonly faults: readonly PhasedFaultDocument[];
}

/** A scenario, read and found right. */
export interface Scenario {
  readonly name: string;
  readonly description: string;
  /** The file as it was named, and the folder its paths start from. */
  readonly file: string;
  readonly folder: string;
  readonly models: readonly DeviceModelName[];
  readonly links: readonly LinkKind[];
  readonly strategies: readonly StrategyName[];
  readonly seed: number;
  readonly board: ScenarioBoard;
  readonly steps: readonly Step[];
  placeOf(path: DocumentPath): DocumentPlace;
}

/** Something wrong in a file. Without a line the sentence is about the file, and names it. */
export interface ScenarioProblem {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
  readonly sentence: string;
}

/** A problem as compilers write it. */
export function formatScenarioProblem(problem: ScenarioProblem): string {
  const { file, line, column, sentence } = problem;
  return line === undefined ? sentence : `${file}:${line}:${column ?? 1}: ${sentence}`;
}
