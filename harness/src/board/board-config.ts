import {
  createFlashGeometry,
  type FlashAreaOptions,
  type FlashGeometry,
  type SectorRun,
  type StrategyName,
} from '@brickproof/bootloader-sim';
import {
  formatSize,
  parseSize,
  readYamlDocument,
  type DocumentPath,
  type DocumentProblem,
} from '@brickproof/agent/node';
import { FILE_BYTES_MAX } from '../cli/files.js';
import { checkBoardParts } from './board-config-check.js';
import {
  BOARD_AREA_NAMES,
  SECTOR_RUN_PATTERN,
  boardSchema,
  type BoardDocument,
  type BootloaderDocument,
  type WrittenSize,
} from './board-config-schema.js';
import type { BoardDefinition } from './board-definition.js';
import {
  DEVICE_MODELS,
  dividedFor,
  type DeviceModel,
  type DeviceModelName,
} from './device-model.js';
import type { BoardBootSettings } from './provision.js';
import { formatSectorRuns, sectorRunsOf } from './sector-runs.js';

/** A board, or everything that is wrong with its file. */
export type ReadBoardConfig =
  | { readonly ok: true; readonly board: BoardDefinition }
  | { readonly ok: false; readonly problems: readonly DocumentProblem[] };

/** Something that no schema says, and where it is written. */
export interface BoardFault {
  readonly path: DocumentPath;
  readonly sentence: string;
}

const SAMPLES_DEFAULT: DeviceModelName = 'nrf-equal';

/**
 * Reads the text of a board file; `file` is how places call it. A strategy that is
 * asked for goes before the one that is written. Whether MCUboot can be built with
 * its strategy is not asked here: see `checkBoardStrategy`.
 */
export function readBoardConfig(text: string, file: string, asked?: StrategyName): ReadBoardConfig {
  if (text.trim() === '') {
    return { ok: false, problems: [{ line: 1, column: 1, sentence: 'the file is empty' }] };
  }
  const document = readYamlDocument(text, boardSchema);
  if (!document.ok) return document;
  const refuse = (faults: readonly BoardFault[]): ReadBoardConfig => {
    const problems = faults.map(({ path, sentence }) => {
      return { ...document.placeOf(path), sentence };
    });
    return { ok: false, problems };
  };
  const strategy = asked ?? document.value.bootloader?.strategy ?? 'direct-xip';
  const model = readModel(document.value, strategy);
  if (!('geometry' in model)) return refuse(model);
  const bootSettings = readBootSettings(document.value.bootloader);
  const counters = document.value.counters;
  const faults = checkBoardParts({ model, bootSettings, counters });
  if (faults.length > 0) return refuse(faults);
  const placeOf = (path: DocumentPath): string => {
    const { line, column } = document.placeOf(path);
    return `${file}:${line}:${column}`;
  };
  const board: BoardDefinition = {
    model,
    samples: document.value.model ?? SAMPLES_DEFAULT,
    strategy,
    bootSettings,
    counters,
    baseAddress: readSize(document.value.flash?.address ?? 0),
    // What was asked for elsewhere has no place in the file.
    strategyPlace: asked === undefined ? placeOf(['bootloader', 'strategy']) : undefined,
    areasPlace: placeOf(['areas']),
  };
  return { ok: true, board };
}

/** The model that a file names with its changes, or the one that it describes. */
function readModel(
  document: BoardDocument,
  strategy: StrategyName,
): DeviceModel | readonly BoardFault[] {
  const base = document.model === undefined ? undefined : DEVICE_MODELS[document.model];
  const missing = base === undefined ? missingParts(document) : [];
  if (missing.length > 0) return missing;
  const geometry = readGeometry(document, base);
  if (!('sectors' in geometry)) return geometry;
  const areas = new Map<string, FlashAreaOptions>();
  const divided = base && dividedFor(base, strategy);
  for (const area of divided?.areas ?? []) areas.set(area.name, area);
  for (const name of BOARD_AREA_NAMES) {
    const area = document.areas?.[name];
    if (area === undefined) continue;
    areas.set(name, { name, offset: readSize(area.offset), sizeBytes: readSize(area.size) });
  }
  const { name = base?.name ?? '', description = describeGeometry(geometry) } = document;
  return { name, summary: description, geometry, areas: [...areas.values()] };
}

function missingParts({ name, flash, areas }: BoardDocument): readonly BoardFault[] {
  const faults: BoardFault[] = [];
  const need = (value: unknown, path: DocumentPath): void => {
    if (value !== undefined) return;
    const sentence = `"${path.join('.')}" is missing; a file that names no model needs it`;
    faults.push({ path, sentence });
  };
  need(name, ['name']);
  need(flash, ['flash']);
  if (flash !== undefined) {
    need(flash.sectors, ['flash', 'sectors']);
    need(flash['write-alignment'], ['flash', 'write-alignment']);
  }
  need(areas, ['areas']);
  if (areas !== undefined) {
    need(areas.slot0, ['areas', 'slot0']);
    need(areas.slot1, ['areas', 'slot1']);
  }
  return faults;
}

function readGeometry(
  { flash = {} }: BoardDocument,
  base: DeviceModel | undefined,
): FlashGeometry | readonly BoardFault[] {
  const sectorRuns =
    flash.sectors?.map(readSectorRun) ?? sectorRunsOf(base?.geometry.sectors ?? []);
  const geometry = createFlashGeometry({
    sectorRuns,
    writeAlignBytes: flash['write-alignment'] ?? base?.geometry.writeAlignBytes ?? 1,
    erasedValue: flash['erased-value'] ?? base?.geometry.erasedValue ?? 0xff,
  });
  const path = ['flash', 'sectors'];
  if (!geometry.ok) return [{ path, sentence: geometry.detail }];
  if (geometry.value.sizeBytes <= FILE_BYTES_MAX) return geometry.value;
  const size = formatSize(geometry.value.sizeBytes);
  return [{ path, sentence: `the flash has ${size}, at most ${formatSize(FILE_BYTES_MAX)}` }];
}

/** The schema has held it to the pattern. */
function readSectorRun(text: string): SectorRun {
  const [, count = '', size = ''] = SECTOR_RUN_PATTERN.exec(text) ?? [];
  return { count: Number(count), sizeBytes: readSize(size) };
}

/** The schema has held it to its form, so that nothing is refused. */
function readSize(written: WrittenSize): number {
  const size = parseSize(String(written));
  return size.ok ? size.value : Number.NaN;
}

function describeGeometry({ sizeBytes, sectors, writeAlignBytes }: FlashGeometry): string {
  const runs = formatSectorRuns(sectorRunsOf(sectors));
  return `${formatSize(sizeBytes)} flash, sectors of ${runs}, write alignment ${writeAlignBytes}`;
}

const ENCRYPTION_KEY_SIZES = { none: undefined, 'aes-128': 16, 'aes-256': 32 } as const;

function readBootSettings(document: BootloaderDocument = {}): BoardBootSettings {
  const logicalSectorSize = readSize(document['logical-sector-size'] ?? 0);
  return {
    maxImageSectors: document['max-image-sectors'],
    encryptionKeySizeBytes: ENCRYPTION_KEY_SIZES[document.encryption ?? 'none'],
    downgradePrevention: document['downgrade-prevention'],
    bootstrap: document.bootstrap,
    // MCUboot's own way of saying that there are none.
    logicalSectorSizeBytes: logicalSectorSize === 0 ? undefined : logicalSectorSize,
  };
}
