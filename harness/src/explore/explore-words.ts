import { formatSize } from '@brickproof/agent/node';
import type { ExploreReport, ExploreSettings, InvariantName } from './explore-report.js';

/** Broken: an invariant did not hold. Unfinished: none was found broken, but not all was tried. */
export type ExplorationVerdict = 'held' | 'broken' | 'unfinished';

/** What an exploration shows. */
export function explorationVerdict(report: ExploreReport): ExplorationVerdict {
  const isBroken = report.invariants.some(({ violations }) => violations > 0);
  if (isBroken || report.counterexample !== undefined) return 'broken';
  return report.drained ? 'held' : 'unfinished';
}

/** What must hold, each as a sentence. */
export const INVARIANT_WORDS: Readonly<Record<InvariantName, string>> = {
  'runs-verified-image': 'nothing runs that does not verify',
  'counter-never-lower': 'the security counter never goes back',
  'boots-something': 'there is always an image that can run',
  arrives: 'without a power cut, the update comes to its end',
  'runs-unasked': 'no image runs that nobody asked for',
  'tried-first': 'an image that is to be tried is tried before it stays',
  'confirmed-stays': 'a confirmed image is not taken away',
  'tried-once': 'an image that is not confirmed gets one trial',
  'store-keeps': 'the store keeps what it has acknowledged',
  settles: 'without another cut the device comes to rest',
  'no-stray-error': 'the bootloader reports no error that is none',
};

/** A row of a table: what it is, and its value. */
export type NamedValue = readonly [name: string, value: string];

/** The numbers of an exploration, each with its name. */
export function figureRows(report: ExploreReport): readonly NamedValue[] {
  return [
    ['states', formatCount(report.states)],
    ['edges', formatCount(report.edges)],
    ['merged', formatCount(report.merged)],
    ['deepest new cut', formatCount(report.deepestNewCut)],
    ['boots', formatCount(report.boots)],
    ['shared boots', formatCount(report.sharedBoots)],
    ['boots to settle', formatCount(report.bootsToSettle)],
    ['time', `${report.seconds.toFixed(1)} s`],
    ['peak memory', formatMemory(report.peakMemoryBytes)],
  ];
}

/** What was explored, each setting with its name. */
export function settingRows(settings: ExploreSettings): readonly NamedValue[] {
  return [
    ['scene', settings.scene],
    ['strategy', settings.strategy],
    ['slot', formatSize(settings.slotSizeBytes)],
    ['sector', formatSize(settings.sectorSizeBytes)],
    ['write alignment', countOf(settings.writeAlignBytes, 'byte')],
    ['erased value', `0x${settings.erasedValue.toString(16).padStart(2, '0')}`],
    ['image', countOf(settings.imageSizeBytes, 'byte')],
    ['power cuts', cutsWords(settings)],
    ['tears', settings.tears.join(', ') || 'none'],
  ];
}

/** How many cuts were allowed. */
export function cutsWords({ cutsMax }: ExploreSettings): string {
  return cutsMax === 'any' ? 'any number' : `at most ${formatCount(cutsMax)}`;
}

/** What was done, in a sentence that ends a run. */
export function progressSentence(report: ExploreReport): string {
  const counts = [
    countOf(report.states, 'state'),
    `${countOf(report.edges, 'edge')} (${formatCount(report.merged)} merged)`,
    `${countOf(report.boots, 'boot')} run and ${formatCount(report.sharedBoots)} shared`,
  ].join(', ');
  return report.drained
    ? `drained: ${counts}, nothing left to try`
    : `NOT DRAINED, stopped by ${report.stoppedBy ?? 'an unknown cause'}: ${counts}`;
}

/** A number with its thousands told apart. */
export function formatCount(count: number): string {
  return NUMBERS.format(count);
}

/** So many of something, whose plural takes an s. */
export function countOf(count: number, singular: string): string {
  return `${formatCount(count)} ${singular}${count === 1 ? '' : 's'}`;
}

/** Memory in whole MiB, or in GiB where it is one or more. */
export function formatMemory(bytes: number): string {
  const mebibytes = bytes / BYTES_PER_MEBIBYTE;
  return mebibytes < MEBIBYTES_PER_GIBIBYTE
    ? `${formatCount(Math.ceil(mebibytes))} MiB`
    : `${(mebibytes / MEBIBYTES_PER_GIBIBYTE).toFixed(1)} GiB`;
}

const NUMBERS: Intl.NumberFormat = new Intl.NumberFormat('en-US');
const BYTES_PER_MEBIBYTE = 1024 * 1024;
const MEBIBYTES_PER_GIBIBYTE = 1024;
