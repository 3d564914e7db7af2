import type { BootOutcome } from '@brickproof/bootloader-sim';
import { LeftOutBytes } from './canonical-flash.js';
import type { ExploredDevice, RunningImage } from './explored-device.js';
import { judgeBoot, situationOf } from './judge.js';
import type { BrokenRule, Scene, Session, SessionEnd, Situation } from './scene.js';
import type { StateGraph } from './state-graph.js';

/** What a boot led to. */
export interface BootResult {
  readonly booted: BootOutcome | undefined;
  readonly situation: Situation | undefined;
  readonly running: readonly RunningImage[];
  readonly broken: readonly BrokenRule[];
}

/** What a session led to. */
export interface SessionResult {
  readonly ended: SessionEnd | undefined;
  readonly situation: Situation | undefined;
  readonly broken: readonly BrokenRule[];
}

/** Lets the bootloader start on a device that was put into a state, and judges what runs then. */
export function playBoot(
  scene: Scene,
  parts: { readonly device: ExploredDevice; readonly graph: StateGraph },
  state: number,
): BootResult {
  const { device, graph } = parts;
  const { counters } = graph.context(state);
  const nothing = { booted: undefined, situation: undefined, running: [] };
  const outcome = caught(() => device.boot());
  if ('error' in outcome) return { ...nothing, broken: [outcome.error] };
  const { value } = outcome;
  if (!value.ok) {
    const detail = `nothing boots: ${value.detail}`;
    return { ...nothing, broken: [{ invariant: 'boots-something', detail }] };
  }
  const booted = value.value;
  const running = device.identify(booted);
  const situation = situationOf(device, booted, running);
  return { booted, situation, running, broken: judgeBoot(scene, counters, { running, situation }) };
}

/** Lets the firmware that was started do one thing. */
export function playSession(
  device: ExploredDevice,
  session: Session,
  boot: Omit<BootResult, 'booted'> & { readonly booted: BootOutcome },
): SessionResult {
  const { booted } = boot;
  const broken: BrokenRule[] = [];
  const running = boot.running.flatMap(({ image }) => image ?? []);
  const outcome = caught(() =>
    device.runSession(session, { booted, running, broken: (rule) => broken.push(rule) }),
  );
  const situation = situationOf(device, booted, boot.running);
  if ('error' in outcome) {
    return { ended: undefined, situation, broken: [...broken, outcome.error] };
  }
  return { ended: outcome.value, situation, broken };
}

/** Whatever a device throws is a finding: nothing that it runs may. */
function caught<T>(run: () => T): { readonly value: T } | { readonly error: BrokenRule } {
  try {
    return { value: run() };
  } catch (error) {
    if (error instanceof LeftOutBytes) throw error;
    const detail = error instanceof Error ? error.message : String(error);
    return { error: { invariant: 'no-stray-error', detail } };
  }
}
