import { describe, expect, it } from 'vitest';
import { BrokenPromise } from './kill-loop/broken-promise.js';
import type { BrokenPromiseCode } from './kill-loop/broken-promise.js';
import type { Activity } from './kill-loop/kill-plan.js';
import { runKillLeg } from './kill-loop/kill-loop.js';
import { KillStatistics } from './kill-loop/kill-statistics.js';
import type { Fault, Leg } from './kill-loop/killed-device.js';

const SEED = Number(process.env['BRICKPROOF_KILL_SEED'] ?? 20);
const KILLS = Number(process.env['BRICKPROOF_KILLS'] ?? 500);
/** "<leg>/<update>": that update alone, again and again, each time on a new device. */
const ONLY = process.env['BRICKPROOF_KILL_ONLY'];
const LOOP_TIMEOUT_MS = 900_000;

const SMALL = { sectorSizeBytes: 4 * 1024, slotSizeBytes: 64 * 1024 };
const LARGE = { sectorSizeBytes: 8 * 1024, slotSizeBytes: 128 * 1024 };
const SELF_TESTED: Leg = {
  name: 'self-tested',
  strategy: 'direct-xip',
  confirm: 'self-test',
  ...SMALL,
};
const SELF_TESTED_LARGE: Leg = { ...SELF_TESTED, name: 'self-tested-large', ...LARGE };
const ON_REQUEST: Leg = {
  name: 'on-request',
  strategy: 'direct-xip',
  confirm: 'request',
  ...LARGE,
};
const OVERWRITTEN: Leg = {
  name: 'overwritten',
  strategy: 'overwrite-only',
  confirm: 'self-test',
  ...SMALL,
};
/** All at once, each with as many of the kills: a device waits more than it computes. */
const LEGS: readonly Leg[] = [SELF_TESTED, SELF_TESTED_LARGE, ON_REQUEST, OVERWRITTEN];

/** The least that a loop must have come to, as a share of its kills. */
const SHARES_MIN: Readonly<Record<string, number>> = {
  'killed outside': 0.15,
  'killed before': 0.1,
  'killed middle': 0.1,
  'killed after': 0.1,
  'killed in start': 0.05,
  'killed in boot-decision': 0.02,
  'killed in boot-record': 0.008,
  'killed in upload': 0.1,
  'killed in mark': 0.03,
  'killed in reset': 0.03,
  'killed in trial': 0.004,
  'killed in confirm': 0.03,
  'killed in idle': 0.02,
  'killed on slot': 0.1,
  'killed on store': 0.1,
  'killed on boot record': 0.008,
  'started again in the next boot': 0.3,
  'started again in the same boot': 0.3,
  'uploads resumed': 0.05,
  'updates confirmed': 0.1,
  'updates failed': 0.04,
  'updates refused': 0.004,
};

async function runLegs(statistics: KillStatistics): Promise<void> {
  const failure = new AbortController();
  const { signal } = failure;
  const legs = LEGS.map(async (leg, index) => {
    const kills = Math.floor((KILLS + index) / LEGS.length);
    try {
      await runKillLeg(leg, { seed: SEED, kills, statistics, signal });
    } catch (error) {
      failure.abort();
      throw error;
    }
  });
  const ended = await Promise.allSettled(legs);
  for (const end of ended) if (end.status === 'rejected') throw end.reason;
}

/** Ways to make the daemon wrong, and as what they are found. */
const FAULTS: readonly {
  readonly fault: Fault;
  readonly leg: Leg;
  readonly activities: readonly Activity[];
  readonly code: BrokenPromiseCode;
}[] = [
  { fault: 'header-first', leg: SELF_TESTED, activities: ['upload'], code: 'upload-mismatch' },
  { fault: 'store-in-place', leg: SELF_TESTED, activities: ['upload'], code: 'store-unreadable' },
  {
    fault: 'no-boot-record',
    leg: SELF_TESTED,
    activities: ['trial'],
    code: 'slot-changed-in-boot',
  },
  { fault: 'late-mark', leg: OVERWRITTEN, activities: ['reset'], code: 'mark-lost' },
  { fault: 'late-confirm', leg: ON_REQUEST, activities: ['idle'], code: 'confirm-lost' },
];
const KILLS_TO_FIND_FAULT = 60;

function findLeg(name: string | undefined): Leg {
  const found = LEGS.find((leg) => leg.name === name);
  if (found === undefined) throw new Error(`BRICKPROOF_KILL_ONLY: there is no leg "${name ?? ''}"`);
  return found;
}

async function killOften(): Promise<void> {
  const statistics = new KillStatistics();
  const startedMs = performance.now();
  try {
    await runLegs(statistics);
  } finally {
    const seconds = ((performance.now() - startedMs) / 1_000).toFixed(0);
    console.log(`seed ${SEED}, ${seconds} s:\n${statistics.lines().join('\n')}`);
  }
  expect(statistics.kills).toBe(KILLS);
  for (const [what, share] of Object.entries(SHARES_MIN)) {
    expect(statistics.count(what), what).toBeGreaterThanOrEqual(Math.floor(KILLS * share));
  }
}

async function killInOneUpdate(only: string): Promise<void> {
  const [name, index] = only.split('/');
  const statistics = new KillStatistics();
  const onlyUpdate = Number(index);
  await runKillLeg(findLeg(name), { seed: SEED, kills: KILLS, statistics, onlyUpdate });
  expect(statistics.kills).toBe(KILLS);
}

// One update alone is for whoever looks for a fault that the loop has found.
if (ONLY !== undefined) {
  it(`keeps what it acknowledged in ${ONLY}`, () => killInOneUpdate(ONLY), LOOP_TIMEOUT_MS);
} else {
  describe('a daemon that is killed at any moment', () => {
    it('keeps what it acknowledged, and ends every update', killOften, LOOP_TIMEOUT_MS);
  });

  describe('the loop finds a daemon', () => {
    it.each(FAULTS)('that is made wrong: $fault', async ({ fault, leg, activities, code }) => {
      const run = runKillLeg(
        { ...leg, fault },
        { seed: SEED, kills: KILLS_TO_FIND_FAULT, statistics: new KillStatistics(), activities },
      );
      await expect(run).rejects.toMatchObject({ name: BrokenPromise.name, code });
    });
  });
}
