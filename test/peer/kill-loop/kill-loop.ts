import { createHash } from 'node:crypto';
import { mulberry32 } from '../../agent/node/storage/volatile-file-system.js';
import { BrokenPromise } from './broken-promise.js';
import type { DaemonLife } from './daemon-life.js';
import type { Activity, UpdateMeasure } from './kill-plan.js';
import type { KillStatistics } from './kill-statistics.js';
import { KilledDevice } from './killed-device.js';
import type { Leg } from './killed-device.js';
import { Ledger } from './ledger.js';
import { drawUpdate, makeUpdate } from './update-plan.js';
import type { Update } from './update-plan.js';
import { UpdateRun } from './update-run.js';

/** What decides a loop, with what it counts. */
export interface KillLoopOptions {
  readonly seed: number;
  /** So many kills in this leg. */
  readonly kills: number;
  readonly statistics: KillStatistics;
  /** Only the update with this index, over and over, each time on a new device. */
  readonly onlyUpdate?: number | undefined;
  /** Kills are drawn in these alone; in all when absent. */
  readonly activities?: readonly Activity[];
  readonly signal?: AbortSignal;
}

const FIRST_INDEX = 1;
const KILLS_PER_UPDATE_MIN = 2;
const KILLS_PER_UPDATE_MORE = 6;
/** An update can end before any of its kills happens; more in a row are a mistake of the loop. */
const UPDATES_PER_KILL_MAX = 5;
const STORY_LINES = 60;
/** Kills depend on time, too: one update that is asked for is run so often. */
const ONLY_ROUNDS = 20;

/**
 * Kills the daemon of one device so often, at places and times that the seed says, while updates
 * go on. Throws `BrokenPromise` with the way to see it again.
 */
export async function runKillLeg(leg: Leg, options: KillLoopOptions): Promise<void> {
  const killsEnd = options.statistics.count(killsOf(leg)) + options.kills;
  const updatesMax =
    FIRST_INDEX +
    2 +
    (options.onlyUpdate === undefined ? options.kills * UPDATES_PER_KILL_MAX : ONLY_ROUNDS);
  let bench: LegBench | undefined;
  try {
    for (let round = FIRST_INDEX + 2; round < updatesMax; round += 1) {
      if (options.signal?.aborted === true) return;
      const killsLeft = killsEnd - options.statistics.count(killsOf(leg));
      if (killsLeft <= 0) break;
      if (options.onlyUpdate !== undefined) await bench?.device.dispose();
      bench =
        options.onlyUpdate === undefined && bench !== undefined
          ? bench
          : await LegBench.create(leg, options);
      await bench.runUpdate(options.onlyUpdate ?? round, killsLeft);
    }
    await bench?.device.dispose();
  } catch (error) {
    // What it was found with is kept, for whoever looks for the reason.
    if (!(error instanceof BrokenPromise) || leg.fault !== undefined) await bench?.device.dispose();
    throw error;
  }
}

/** One device of a leg, with what it has promised so far. */
class LegBench {
  readonly device: KilledDevice;
  readonly #options: KillLoopOptions;
  readonly #ledger: Ledger;
  #measure: UpdateMeasure = new Map();
  #life: DaemonLife | undefined;

  private constructor(leg: Leg, options: KillLoopOptions) {
    this.device = new KilledDevice(leg);
    this.#options = options;
    this.#ledger = new Ledger(this.device);
  }

  /** Puts a first image on the device and lets one update pass undisturbed, to measure it. */
  static async create(leg: Leg, options: KillLoopOptions): Promise<LegBench> {
    const bench = new LegBench(leg, options);
    const first = makeUpdate({ index: FIRST_INDEX, kind: 'good', size: 0.5 });
    await bench.device.provision(first.image);
    const second = makeUpdate({ index: FIRST_INDEX + 1, kind: 'good', size: 0.5 });
    const measure = await bench.#run(second, { killsMax: 0, random: mulberry32(0) });
    // A start in a boot that goes on is not in an update that nothing disturbs.
    const start = measure.get('boot') ?? { operations: 0, durationMs: 0 };
    const operations = bench.device.operations().indexOf('rename to boot.json') + 1;
    bench.#measure = new Map([
      ...measure,
      ['start', start],
      ['decision', { ...start, operations }],
    ]);
    return bench;
  }

  async runUpdate(index: number, killsLeft: number): Promise<void> {
    const { leg } = this.device;
    const random = mulberry32(seedOf(`${this.#options.seed} ${leg.name} ${index}`));
    const update = drawUpdate(index, leg, random);
    const drawn = KILLS_PER_UPDATE_MIN + Math.floor(random() * KILLS_PER_UPDATE_MORE);
    await this.#run(update, { killsMax: Math.min(drawn, killsLeft), random });
  }

  async #run(
    update: Update,
    { killsMax, random }: { readonly killsMax: number; readonly random: () => number },
  ): Promise<UpdateMeasure> {
    const { statistics, activities } = this.#options;
    const run = new UpdateRun({
      device: this.device,
      ledger: this.#ledger,
      update,
      random,
      statistics,
      killsMax,
      measure: this.#measure,
      activities,
      onKill: () => {
        statistics.add(killsOf(this.device.leg));
      },
    });
    try {
      const end = await run.run(this.#life);
      this.#life = run.life;
      statistics.add(`updates ${end}`);
      if (update.kind === 'unwell' && end === 'failed') statistics.add('updates failed on purpose');
      return run.measured;
    } catch (error) {
      if (!(error instanceof BrokenPromise)) throw error;
      throw new BrokenPromise(error.code, `${error.message}\n${this.#report(update, run.story)}`);
    }
  }

  #report(update: Update, story: readonly string[]): string {
    const { seed, statistics } = this.#options;
    const { leg, path } = this.device;
    return [
      `seed ${seed}, kill ${statistics.kills}, leg ${leg.name}, update ${update.index} (${update.kind})`,
      `the device is kept in ${path}`,
      `again: BRICKPROOF_KILL_SEED=${seed} BRICKPROOF_KILL_ONLY=${leg.name}/${update.index} npx vitest run --project peer test/peer/kill-loop.test.ts`,
      ...story.slice(-STORY_LINES),
    ].join('\n');
  }
}

/** The count of a leg's kills. */
function killsOf(leg: Leg): string {
  return `kills of ${leg.name}`;
}

function seedOf(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32LE(0);
}
