import { formatSize } from '@brickproof/agent/node';
import {
  formatImageVersion,
  hasImageFlag,
  type DescribedSlot,
  type ImageDescription,
} from '@brickproof/bootloader-sim';
import { formatSectorRuns, sectorRunsOf } from '../board/sector-runs.js';
import { formatTable } from '../cli/table.js';
import type { AreaUse, SectorUse } from './area-use.js';
import type { FlashReport, KnownKey } from './flash-report.js';
import { imageFlagNames } from './image-flags.js';
import { outcomeSentences, requestSentence } from './next-boot-words.js';
import type { Paint } from './paint.js';
import { slotAreas, swapSentences } from './swap-words.js';
import { tlvValueWords, tlvWords } from './tlv-words.js';
import { trailerRows } from './trailer-words.js';

/** The most characters that the sectors of an area are drawn with. */
const STRIP_CHARACTERS_MAX = 32;
const INDENT = '  ';
/** As many as the longest name of a row has. */
const NAME_CHARACTERS = 12;

/** A flash as people read it: map, slots, trailers, and what the next boot makes of them. */
export function formatFlash(report: FlashReport, paint: Paint): string {
  const { board, unbuildable, flash } = report;
  const { model, strategy } = board;
  const sections = [
    [paint.heading(`${model.name}, ${strategy}`), indent(model.summary)],
    ...(unbuildable === undefined
      ? []
      : [
          [
            paint.bad(`MCUboot cannot be built so: ${unbuildable}`),
            indent('It would start what is in slot0 and never upgrade. Swaps are not shown.'),
          ],
        ]),
    [paint.heading('Flash'), ...mapLines(report.areas, paint)],
    ...flash.images.flatMap((image, index) => imageSections(report, image, index, paint)),
    ...(flash.scratch === undefined
      ? []
      : [[paint.heading('scratch'), ...table(trailerRows(flash.scratch))]]),
    nextBootLines(report, paint),
  ];
  return sections.map((lines) => lines.join('\n')).join('\n\n');
}

function mapLines(areas: readonly AreaUse[], paint: Paint): readonly string[] {
  const digits = Math.max(...areas.map(({ offset }) => offset.toString(16).length));
  const rows = areas.map(({ name, offset, sizeBytes, sectors }) => {
    const used = sectors.filter(({ isErased }) => !isErased).length;
    return [
      `0x${offset.toString(16).padStart(digits, '0')}`,
      name ?? '-',
      formatSize(sizeBytes),
      formatSectorRuns(sectorRunsOf(sectors)),
      used === 0 ? 'erased' : `${used} of ${sectors.length} used`,
      strip(sectors),
    ];
  });
  return alignColumns(rows).map((line, index) => {
    return indent(areas[index]?.name === undefined ? paint.faint(line) : line);
  });
}

/** One character for one sector, or for a few: all in use, some of them, none. */
function strip(sectors: readonly SectorUse[]): string {
  const perCharacter = Math.ceil(sectors.length / STRIP_CHARACTERS_MAX);
  let drawn = '';
  for (let start = 0; start < sectors.length; start += perCharacter) {
    const group = sectors.slice(start, start + perCharacter);
    const used = group.filter(({ isErased }) => !isErased).length;
    drawn += used === 0 ? '·' : used === group.length ? '█' : '▒';
  }
  return drawn;
}

function imageSections(
  report: FlashReport,
  image: ImageDescription,
  index: number,
  paint: Paint,
): readonly (readonly string[])[] {
  const areas = slotAreas(index);
  const names = [areas.primary, areas.secondary];
  const slots = image.slots.map((slot, at) => {
    const kind = at === 0 ? 'primary' : 'secondary';
    const heading = paint.heading(`${names[at] ?? ''}, ${kind}`);
    return [heading, ...slotLines(slot, report.keys, paint)];
  });
  if (image.swap === undefined) return slots;
  const sentences = swapSentences(report.board.strategy, image.swap, areas);
  const heading = paint.heading(`Swap of ${areas.primary} and ${areas.secondary}`);
  return [[heading, ...sentences.map(indent)], ...slots];
}

function slotLines(
  slot: DescribedSlot,
  keys: readonly KnownKey[],
  paint: Paint,
): readonly string[] {
  const trailer = table(trailerRows(slot.trailer));
  if (slot.isEmpty) return [indent(nameValue('image', 'empty')), ...trailer];
  if (!slot.header.ok) {
    const { code, detail } = slot.header;
    return [indent(nameValue('image', paint.bad(`none (${code}: ${detail})`))), ...trailer];
  }
  return [
    ...table(headerRows(slot)),
    ...verdictLines(slot, keys, paint),
    ...tlvLines(slot, keys),
    ...trailer,
  ];
}

function headerRows({ header, tlvs, imageOffset }: DescribedSlot): readonly (readonly string[])[] {
  if (!header.ok) return [];
  const { version, headerSizeBytes, bodySizeBytes, loadAddress } = header.value;
  const size = tlvs?.ok === true ? `${tlvs.value.endOffset} bytes` : 'size unknown';
  const where = imageOffset === 0 ? '' : `, from 0x${imageOffset.toString(16)} of the slot on`;
  const isLinked = hasImageFlag(header.value, 'romFixed') || hasImageFlag(header.value, 'ramLoad');
  return [
    ['image', `${formatImageVersion(version)}, ${size}${where}`],
    ['header', `${headerSizeBytes} bytes, body ${bodySizeBytes} bytes`],
    ['flags', imageFlagNames(header.value).join(', ') || 'none'],
    ...(isLinked || loadAddress !== 0 ? [['address', `0x${loadAddress.toString(16)}`]] : []),
  ];
}

function verdictLines(
  { verified }: DescribedSlot,
  keys: readonly KnownKey[],
  paint: Paint,
): readonly string[] {
  if (verified === undefined) return [];
  const words = verified.ok
    ? paint.good(verifiedWords(verified.value.keyIndex, keys))
    : paint.bad(`no (${verified.code}: ${verified.detail})`);
  return [indent(nameValue('verifies', words))];
}

function verifiedWords(keyIndex: number | undefined, keys: readonly KnownKey[]): string {
  const key = keyIndex === undefined ? undefined : keys[keyIndex];
  return key === undefined
    ? 'its hash alone: there is no key to check a signature with'
    : `yes, signed with ${key.name}`;
}

function tlvLines({ tlvs, source }: DescribedSlot, keys: readonly KnownKey[]): readonly string[] {
  if (tlvs === undefined) return [];
  if (!tlvs.ok) return [indent(nameValue('TLVs', `${tlvs.code}: ${tlvs.detail}`))];
  const rows = tlvs.value.entries.map((entry) => [
    tlvWords(entry.type),
    entry.protected ? 'protected' : '',
    `${entry.sizeBytes} bytes`,
    tlvValueWords(source, entry, keys),
  ]);
  return [indent('TLVs'), ...alignColumns(rows).map((line) => indent(indent(line)))];
}

function nextBootLines(report: FlashReport, paint: Paint): readonly string[] {
  const { board, flash, next } = report;
  const heading = paint.heading('Next boot');
  if (next === undefined) return [heading, indent('not known: see above')];
  const several = flash.images.length > 1;
  const requests = flash.images.map((image, index) => {
    const sentence = requestSentence(board.strategy, image, slotAreas(index));
    return several ? `image ${index}: ${sentence}` : sentence;
  });
  const outcome = outcomeSentences(next);
  const last = outcome.length - 1;
  const painted = outcome.map((sentence, index) => {
    if (index < last) return sentence;
    return next.booted.ok ? paint.good(sentence) : paint.bad(sentence);
  });
  const told = next.log
    .filter(({ level }) => level !== 'info')
    .map(({ text }) => paint.faint(`log: ${text}`));
  return [heading, ...[...requests, ...told, ...painted].map(indent)];
}

function nameValue(name: string, value: string): string {
  return `${name.padEnd(NAME_CHARACTERS)} ${value}`.trimEnd();
}

function alignColumns(rows: readonly (readonly string[])[]): readonly string[] {
  return formatTable(rows).split('\n');
}

/** Rows of a name and a value; the names are as wide everywhere. */
function table(rows: readonly (readonly string[])[]): readonly string[] {
  return rows.map(([name = '', value = '']) => indent(nameValue(name, value)));
}

function indent(line: string): string {
  return `${INDENT}${line}`;
}
