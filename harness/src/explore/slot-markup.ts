import { markup, type Markup, type MarkupValue } from '../report/markup.js';
import type { ExploreSettings, TraceOperation, TraceSector, TraceSlot } from './explore-report.js';
import { sectorWords, slotWords, trailerFields } from './trace-words.js';

/** More sectors than these are drawn small. */
const LARGE_CELLS_MAX = 48;
/** How many looks the style has for images; further ones begin again, with letters of their own. */
const IMAGE_LOOKS = 6;
const FIRST_LETTER_CODE = 'A'.charCodeAt(0);
const LETTERS = 26;

/** A letter for each image that is in a slot at any time, in the order of their appearance. */
export function imageMarks(
  moments: readonly (readonly TraceSlot[])[],
): ReadonlyMap<string, string> {
  const names = new Set<string>();
  for (const { sectors } of moments.flat()) {
    for (const { image } of sectors) if (image !== undefined) names.add(image);
  }
  return new Map([...names].map((name, index) => [name, letter(index)]));
}

function letter(index: number): string {
  const round = Math.floor(index / LETTERS);
  const first = String.fromCharCode(FIRST_LETTER_CODE + (index % LETTERS));
  return round === 0 ? first : `${first}${round}`;
}

/** What the marks of the cells mean. */
export function formatLegend(marks: ReadonlyMap<string, string>): Markup {
  const images = [...marks].map(([image, mark], index) => {
    return legendEntry(`image-${index % IMAGE_LOOKS}`, mark, `image ${image}`);
  });
  return markup`<ul class="legend" aria-hidden="true">
${images}${legendEntry('erased', '·', 'erased')}${legendEntry('torn', '~', 'torn')}${legendEntry('other', '?', 'something else')}${legendEntry('erased has-trailer', '·', 'part of the trailer')}${legendEntry('erased changed', '·', 'changed since the step before')}${legendEntry('erased cut', '✂', 'cut here')}</ul>
`;
}

function legendEntry(look: string, mark: string, meaning: string): Markup {
  return markup`<li><span class="cell ${look}">${mark}</span> ${meaning}</li>
`;
}

/** What is drawn of the slots at one moment. */
export interface SlotsToDraw {
  readonly slots: readonly TraceSlot[];
  /** At the step before; undefined when there is none. */
  readonly slotsBefore: readonly TraceSlot[] | undefined;
  readonly marks: ReadonlyMap<string, string>;
  readonly settings: ExploreSettings;
  /** What was cut at that moment. */
  readonly cut: TraceOperation | undefined;
}

/** The slots as rows of cells, one for each sector. */
export function formatSlots(drawn: SlotsToDraw): Markup {
  const figures = drawn.slots.map((slot, index) => {
    const size = slot.sectors.length > LARGE_CELLS_MAX ? 'small' : 'large';
    const cutSector = cutSectorOf(slot, drawn);
    const before = drawn.slotsBefore?.[index]?.sectors;
    const cells = slot.sectors.map((sector, at) => {
      const isChanged = before !== undefined && !isSame(before[at], sector);
      return formatCell(sector, at, { marks: drawn.marks, isChanged, isCut: at === cutSector });
    });
    return markup`<figure>
<figcaption>${slot.name}</figcaption>
<div class="sectors ${size}" role="img" aria-label="${slot.name}: ${slotWords(slot)}">${cells}</div>
</figure>
`;
  });
  return markup`${figures}`;
}

/** Where all sectors are of one size, the one that the cut operation is in. */
function cutSectorOf(slot: TraceSlot, { settings, cut }: SlotsToDraw): number | undefined {
  const { slotSizeBytes, sectorSizeBytes } = settings;
  const isUniform = slot.sectors.length * sectorSizeBytes === slotSizeBytes;
  if (cut === undefined || cut.kind === 'raise-counter' || !isUniform) return undefined;
  return cut.area === slot.name ? Math.floor(cut.offset / sectorSizeBytes) : undefined;
}

function isSame(before: TraceSector | undefined, sector: TraceSector): boolean {
  return (
    before?.kind === sector.kind &&
    before.image === sector.image &&
    before.imageSector === sector.imageSector
  );
}

interface CellLook {
  readonly marks: ReadonlyMap<string, string>;
  readonly isChanged: boolean;
  readonly isCut: boolean;
}

function formatCell(sector: TraceSector, index: number, look: CellLook): Markup {
  const { kind, image, imageSector, hasTrailer } = sector;
  const classes = [
    'cell',
    kind === 'image' ? imageLook(look.marks, image) : kind,
    ...(hasTrailer ? ['has-trailer'] : []),
    ...(look.isChanged ? ['changed'] : []),
    ...(look.isCut ? ['cut'] : []),
  ];
  const words = [
    `sector ${index}: ${sectorWords(sector)}`,
    ...(hasTrailer ? ['part of the trailer'] : []),
    ...(look.isChanged ? ['changed'] : []),
    ...(look.isCut ? ['cut here'] : []),
  ];
  const number = imageSector === undefined ? undefined : markup`<small>${imageSector}</small>`;
  return markup`<span class="${classes.join(' ')}" title="${words.join(', ')}">${markOf(sector, look.marks)}${number}</span>`;
}

function imageLook(marks: ReadonlyMap<string, string>, image: string | undefined): string {
  const index = image === undefined ? -1 : [...marks.keys()].indexOf(image);
  return index === -1 ? 'image' : `image-${index % IMAGE_LOOKS}`;
}

function markOf({ kind, image }: TraceSector, marks: ReadonlyMap<string, string>): string {
  const mark = image === undefined ? '' : (marks.get(image) ?? '');
  if (kind === 'image') return mark;
  if (kind === 'torn') return `~${mark}`;
  return kind === 'erased' ? '·' : '?';
}

/** The fields of all trailers, and what those were that changed. */
export function formatTrailers(
  slots: readonly TraceSlot[],
  slotsBefore: readonly TraceSlot[] | undefined,
): Markup {
  const columns = slots.map(({ name }) => markup`<th scope="col">${name}</th>`);
  const now = slots.map(trailerFields);
  const before = slotsBefore?.map(trailerFields);
  const rows = [...(now[0]?.keys() ?? [])].map((field) => {
    const cells = now.map((fields, index) =>
      formatField(fields.get(field), before?.[index]?.get(field)),
    );
    return markup`<tr><th scope="row">${field}</th>${cells}</tr>
`;
  });
  return markup`<table class="trailers">
<thead><tr><th scope="col">trailer</th>${columns}</tr></thead>
<tbody>
${rows}</tbody>
</table>
`;
}

function formatField(value: string | undefined, before: string | undefined): MarkupValue {
  if (before === undefined || before === value) return markup`<td>${value}</td>`;
  return markup`<td class="changed"><mark>${value}</mark> <span class="before">was ${before}</span></td>`;
}
