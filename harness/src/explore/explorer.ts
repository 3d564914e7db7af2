import type { BootOutcome } from '@brickproof/bootloader-sim';
import type { InvariantName } from './explore-report.js';
import type { RunningImage } from './explored-device.js';
import { LeftOutBytes } from './canonical-flash.js';
import { Frontier, type RunDescription } from './frontier.js';
import { judgeBoot, situationOf } from './judge.js';
import {
  RUNS_PER_STATE_MAX,
  makeRuns,
  type MadeRun,
  type RunOrigin,
  type RunParts,
} from './run-maker.js';
import type { BrokenRule, Scene, Session, SessionEnd, Situation } from './scene.js';
import { UncutGraph } from './uncut-graph.js';

/** What ends an exploration before it is drained. */
export interface ExploreLimits {
  readonly cutsMax: number;
  readonly statesMax: number;
}

/** A broken rule, where it was found first: from a state, in a run. */
export interface Finding extends BrokenRule {
  readonly state: number;
  readonly run: RunDescription;
}

/** A rule, how often it was broken, and where first. */
export interface FindingCount {
  readonly first: Finding;
  count: number;
}

/** What a boot led to. */
interface BootResult {
  readonly booted: BootOutcome | undefined;
  readonly situation: Situation | undefined;
  readonly running: readonly RunningImage[];
  readonly broken: readonly BrokenRule[];
}

/** What a session led to. */
interface SessionResult {
  readonly ended: SessionEnd | undefined;
  readonly situation: Situation | undefined;
  readonly broken: readonly BrokenRule[];
}

/** What a session starts from. */
interface SessionStart {
  /** The state that the device was switched on in. */
  readonly parent: number;
  readonly cuts: number;
  readonly state: number;
  readonly description: RunDescription;
  readonly boot: BootResult;
  readonly booted: BootOutcome;
}

/**
 * Explores breadth first, by the number of power cuts: from each state in which the power may come
 * back, the bootloader starts, and the firmware does whatever it may do; each operation is a place
 * for the next cut, in each way in which it can be torn.
 */
export class Explorer {
  readonly frontier: Frontier;
  readonly uncut: UncutGraph = new UncutGraph();
  readonly findings: Map<InvariantName, FindingCount> = new Map();
  boots = 0;
  /** Why not everything was tried; undefined as long as nothing was left out. */
  stoppedBy: string | undefined;
  readonly #scene: Scene;
  readonly #parts: RunParts;
  readonly #limits: ExploreLimits;
  readonly #doneSessions: Map<string, readonly MadeRun<SessionResult>[]> = new Map();

  constructor(scene: Scene, parts: Omit<RunParts, 'frontier'>, limits: ExploreLimits) {
    this.#scene = scene;
    this.#limits = limits;
    this.frontier = new Frontier(limits.cutsMax, (state) => parts.graph.canonical(state));
    this.#parts = { ...parts, frontier: this.frontier };
  }

  /** Explores from a state until nothing is left, a limit is reached, or `goesOn` says no. */
  explore(start: number, goesOn: () => boolean): void {
    this.frontier.add(start, 0, undefined);
    for (let state = this.frontier.next(); state !== undefined; state = this.frontier.next()) {
      this.#expand(state);
      if (this.#parts.graph.stateCount > this.#limits.statesMax) {
        this.stoppedBy ??= `there are more than ${this.#limits.statesMax} states`;
      }
      if (!goesOn()) this.stoppedBy ??= 'it was stopped';
      if (this.stoppedBy !== undefined) return;
    }
    if (this.frontier.wasCut) {
      this.stoppedBy = `no more than ${this.#limits.cutsMax} cuts were tried`;
    }
  }

  /** Adds what was found otherwise. */
  report(rule: BrokenRule, state: number, run: RunDescription): void {
    const known = this.findings.get(rule.invariant);
    if (known !== undefined) known.count += 1;
    else this.findings.set(rule.invariant, { count: 1, first: { ...rule, state, run } });
  }

  #expand(state: number): void {
    const cuts = this.frontier.cutsOf(state) ?? 0;
    const origin: RunOrigin = { state, parent: state, cuts, describe: bootRun };
    const runs = makeRuns(this.#parts, origin, () => this.#boot(state));
    if (runs === undefined) this.#giveUp();
    for (const { result, end, description } of runs ?? []) {
      this.boots += 1;
      for (const rule of result.broken) this.report(rule, state, description);
      const { booted, situation } = result;
      if (booted === undefined || situation === undefined) continue;
      const start = { parent: state, cuts, state: end, description, boot: result, booted };
      for (const session of this.#scene.sessions(situation)) this.#follow(session, start);
    }
  }

  #boot(state: number): BootResult {
    const { device, graph } = this.#parts;
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
    const broken = judgeBoot(this.#scene, counters, { running, situation });
    return { booted, situation, running, broken };
  }

  #follow(session: Session, start: SessionStart): void {
    const { parent, cuts, state, description, boot, booted } = start;
    const slots = [booted, ...booted.others].map(({ slot }) => slot).join();
    const key = `${state}/${slots}/${session.name}`;
    const describe = (told: readonly number[]): RunDescription => {
      return { ...description, session: session.name, sessionChoices: told };
    };
    const known = this.#doneSessions.get(key);
    const runs =
      known ??
      makeRuns(this.#parts, { state, parent, cuts, describe }, () =>
        this.#session(session, boot, booted),
      );
    if (runs === undefined) {
      this.#giveUp();
      return;
    }
    this.#doneSessions.set(key, runs);
    for (const run of runs) this.#endSession(start, run);
  }

  #session(session: Session, boot: BootResult, booted: BootOutcome): SessionResult {
    const { device } = this.#parts;
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

  #endSession({ parent, cuts }: SessionStart, run: MadeRun<SessionResult>): void {
    const { result, end, description } = run;
    const { ended, situation, broken } = result;
    for (const rule of broken) this.report(rule, parent, description);
    if (ended === undefined || situation === undefined) return;
    const isReset = ended === 'reset';
    const number = this.frontier.describeRun(description);
    this.frontier.add(end, isReset ? cuts : cuts + 1, {
      parent,
      run: number,
      operation: -1,
      tear: -1,
    });
    if (cuts === 0 && !isReset && !this.#scene.hasArrived(situation)) {
      const rule = {
        invariant: 'arrives',
        detail: 'without a power cut, it did not come to its end',
      } as const;
      this.report(rule, parent, description);
    }
    const next = this.#parts.graph.canonical(end);
    this.uncut.add(parent, next, !isReset && this.#scene.isSettled(situation));
  }

  #giveUp(): void {
    this.stoppedBy ??= `a boot may go more than ${RUNS_PER_STATE_MAX} ways`;
  }
}

/** A run that ends with the boot, or is cut in it. */
function bootRun(told: readonly number[]): RunDescription {
  return { bootChoices: told, session: undefined, sessionChoices: [] };
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
