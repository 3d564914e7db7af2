import type { TraceBoot, TraceOperation, TraceSector, TraceSlot } from './explore-report.js';
import { countOf } from './explore-words.js';

/** The operation that was cut, which is the last one of a boot that ended in a power cut. */
export function cutOperation({ ended, lastOperations }: TraceBoot): TraceOperation | undefined {
  return ended === 'power-cut' ? lastOperations.at(-1) : undefined;
}

/** How a boot ended, in a few words. */
export function endWords(boot: TraceBoot): string {
  if (boot.ended === 'violation') return 'invariant broken';
  if (boot.ended === 'reset') return 'reset';
  const cut = cutOperation(boot);
  return cut === undefined ? 'power cut' : `power cut in the ${shortOperationWords(cut)}`;
}

/** An operation by its kind and what it is for. */
function shortOperationWords({ kind, what }: TraceOperation): string {
  return kind === 'raise-counter' ? 'raise of a security counter' : `${kind} of ${what}`;
}

/** An operation with its place, and what it is for. */
export function operationWords(operation: TraceOperation): string {
  const { kind, lengthBytes, what } = operation;
  if (kind === 'raise-counter') return `${placeWords(operation)} is raised: ${what}`;
  return `${kind} of ${countOf(lengthBytes, 'byte')} at ${placeWords(operation)}: ${what}`;
}

/** Where an operation is done: area and offset, or whose counter it is. */
export function placeWords({ kind, area, offset }: TraceOperation): string {
  return kind === 'raise-counter'
    ? `security counter of image ${offset}`
    : `${area}+0x${offset.toString(16)}`;
}

/** What ran, and what it chose to do. */
export function ranWords({ ran, choice }: TraceBoot): string {
  if (ran === undefined) return 'nothing';
  return choice === undefined ? ran : `${ran}, which ${choice}`;
}

/** What a sector holds. */
export function sectorWords(sector: TraceSector): string {
  const { kind, image, imageSector } = sector;
  const place = imageSector === undefined ? '' : ` sector ${imageSector}`;
  if (kind === 'image') return `${image ?? 'an image'}${place}`;
  if (kind === 'torn') return image === undefined ? 'torn' : `torn ${image}${place}`;
  return kind === 'erased' ? 'erased' : 'something else';
}

/** What the sectors of a slot hold, those told together that follow each other. */
export function slotWords({ sectors }: TraceSlot): string {
  return sectorRuns(sectors).map(runWords).join('; ');
}

type SectorRun = readonly [first: TraceSector, ...others: TraceSector[]];

function sectorRuns(sectors: readonly TraceSector[]): readonly SectorRun[] {
  const runs: [TraceSector, ...TraceSector[]][] = [];
  for (const sector of sectors) {
    const run = runs.at(-1);
    if (run !== undefined && continues(run.at(-1), sector)) run.push(sector);
    else runs.push([sector]);
  }
  return runs;
}

function continues(before: TraceSector | undefined, sector: TraceSector): boolean {
  if (before?.kind !== sector.kind || before.image !== sector.image) return false;
  if (before.imageSector === undefined) return sector.imageSector === undefined;
  return sector.imageSector === before.imageSector + 1;
}

function runWords(run: SectorRun): string {
  const [first] = run;
  if (run.length === 1) return sectorWords(first);
  const { image, imageSector } = first;
  if (imageSector === undefined) return `${run.length} sectors ${sectorWords(first)}`;
  const range = `${image ?? 'an image'} sectors ${imageSector} to ${imageSector + run.length - 1}`;
  return first.kind === 'torn' ? `torn ${range}` : range;
}

/** The fields of a trailer by their names. */
export function trailerFields({ trailer }: TraceSlot): ReadonlyMap<string, string> {
  const { magic, swapType, copyDone, imageOk, statusEntries } = trailer;
  return new Map([
    ['magic', magic],
    ['swap type', swapType],
    ['copy-done', copyDone],
    ['image-ok', imageOk],
    ['status entries', statusEntries === undefined ? 'none kept' : `${statusEntries} written`],
  ]);
}
