import type { BootOutcome } from '@brickproof/bootloader-sim';
import type { InvariantName } from './explore-report.js';
import { Frontier, type RunDescription } from './frontier.js';
import { playBoot, playSession, type BootResult, type SessionResult } from './play.js';
import {
  RUNS_PER_STATE_MAX,
  makeRuns,
  type MadeRun,
  type RunOrigin,
  type RunParts,
} from './run-maker.js';
import type { BrokenRule, Scene, Session } from './scene.js';
import { UncutGraph } from './uncut-graph.js';

/** What ends an exploration before it is drained. */
export interface ExploreLimits {
  readonly cutsMax: number;
  readonly statesMax: number;
}

/** What an explorer works with. */
export interface ExplorerParts extends Omit<RunParts, 'frontier'> {
  /** The state that stands for all that differ from it in nothing that matters. */
  readonly canonical: (state: number) => number;
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
  readonly #parts: RunParts & ExplorerParts;
  readonly #limits: ExploreLimits;
  readonly #doneSessions: Map<string, readonly MadeRun<SessionResult>[]> = new Map();

  constructor(scene: Scene, parts: ExplorerParts, limits: ExploreLimits) {
    this.#scene = scene;
    this.#limits = limits;
    this.frontier = new Frontier(limits.cutsMax, (state) => parts.canonical(state));
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
    const runs = makeRuns(this.#parts, origin, () => playBoot(this.#scene, this.#parts, state));
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
        playSession(this.#parts.device, session, { ...boot, booted }),
      );
    if (runs === undefined) {
      this.#giveUp();
      return;
    }
    this.#doneSessions.set(key, runs);
    for (const run of runs) this.#endSession(start, run);
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
    const next = this.#parts.canonical(end);
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
