import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { StrategyName } from '@brickproof/bootloader-sim';
import { figure, goal, type Goal } from './goal.js';

const MAIN = fileURLToPath(new URL('../cli/main.js', import.meta.url));
const BYTES_PER_MB = 1e6;
/** Explorations that are not drained by then have missed their goal. */
const STATES_MAX = 5_000_000;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** What of a report is measured. */
interface Explored {
  readonly settings: { readonly scene: string };
  readonly drained: boolean;
  readonly states: number;
  readonly edges: number;
  readonly boots: number;
  readonly sharedBoots: number;
  readonly seconds: number;
  readonly peakMemoryBytes: number;
}

const STRATEGIES: readonly StrategyName[] = [
  'swap-using-offset',
  'swap-using-move',
  'swap-using-scratch',
];
const SIZES = [
  { slotSize: '128KiB', goalSeconds: undefined },
  { slotSize: '256KiB', goalSeconds: undefined },
  { slotSize: '512KiB', goalSeconds: 20 },
  { slotSize: '1MiB', goalSeconds: 90 },
] as const;
const GOAL_MB = 512;

/**
 * Upgrade and revert, any number of power cuts, all steady tears, each image verified at every
 * boot; sectors of 4 KiB, words of 8 bytes, one core. Each strategy and size is a process of its
 * own, so that its memory is its own.
 */
export function benchExplore(say: (line: string) => void): readonly Goal[] {
  return STRATEGIES.flatMap((strategy) =>
    SIZES.flatMap(({ slotSize, goalSeconds }) => {
      say(`exploring ${strategy}, slots of ${slotSize} ...`);
      return goalsOf(`${strategy}, ${slotSize}`, explore(strategy, slotSize), goalSeconds);
    }),
  );
}

function explore(strategy: StrategyName, slotSize: string): readonly Explored[] {
  const flags = ['--strategy', strategy, '--slot-size', slotSize, '--sector-size', '4KiB'];
  const bounds = ['--tears', 'steady', '--states-max', `${STATES_MAX}`, '--jobs', '1'];
  const args = [MAIN, 'explore', '--json', '--scene', 'upgrade,revert', '--hardened'];
  const { stdout } = spawnSync(process.execPath, [...args, ...flags, ...bounds], {
    encoding: 'utf8',
    maxBuffer: OUTPUT_BYTES_MAX,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const found: unknown = JSON.parse(stdout);
  const reports: unknown =
    typeof found === 'object' && found !== null ? Reflect.get(found, 'explorations') : undefined;
  if (!Array.isArray(reports)) throw new Error(`benchmark: ${strategy} was not explored`);
  return reports as readonly Explored[];
}

function goalsOf(
  name: string,
  explored: readonly Explored[],
  goalSeconds: number | undefined,
): readonly Goal[] {
  const total = (of: (one: Explored) => number): number =>
    explored.reduce((sum, one) => sum + of(one), 0);
  const seconds = total((one) => one.seconds);
  const edges = total((one) => one.edges);
  const boots = total((one) => one.boots + one.sharedBoots);
  const isDrained = explored.every(({ drained }) => drained);
  const states = total((one) => one.states);
  const rates = `${Math.round(edges / seconds)} edges/s, ${Math.round(boots / seconds)} boots/s`;
  const note = `${isDrained ? 'drained' : 'NOT DRAINED'}: ${states} states, ${edges} edges; ${rates}`;
  const peakMb = Math.max(...explored.map((one) => one.peakMemoryBytes)) / BYTES_PER_MB;
  const time = { name, measured: isDrained ? seconds : Infinity, unit: 's', note };
  const memory = { name: `${name}, memory`, measured: peakMb, unit: 'MB', note: '' };
  if (goalSeconds === undefined) return [figure({ ...time, measured: seconds }), figure(memory)];
  const isSmaller = goalSeconds === SIZES[2].goalSeconds;
  return [
    goal({ ...time, bound: 'at-most', limit: goalSeconds }),
    isSmaller ? goal({ ...memory, bound: 'at-most', limit: GOAL_MB }) : figure(memory),
  ];
}
