import { toJsonSchema } from '@valibot/to-json-schema';
import * as v from 'valibot';
import { STRATEGY_NAMES, type StrategyName } from '@brickproof/bootloader-sim';
import { described, key, proseSchema } from '../scenario/schema-words.js';
import { DEVICE_MODEL_NAMES, type DeviceModelName } from './device-model.js';

/** The areas a board file can name. */
export const BOARD_AREA_NAMES = [
  'bootloader',
  'slot0',
  'slot1',
  'slot2',
  'slot3',
  'scratch',
  'store',
] as const;

/** One of the areas. */
export type BoardAreaName = (typeof BOARD_AREA_NAMES)[number];

/** A number of bytes: 4096, or text such as 4KiB. */
export type WrittenSize = number | string;

/** Where an area lies. */
export interface AreaDocument {
  readonly offset: WrittenSize;
  readonly size: WrittenSize;
}

/** The flash of a board, as it is written. */
export interface FlashDocument {
  readonly sectors?: readonly string[];
  readonly 'write-alignment'?: 1 | 2 | 4 | 8 | 16 | 32;
  readonly 'erased-value'?: 0xff | 0x00;
  readonly address?: WrittenSize;
}

/** What the bootloader was built for, as it is written. */
export interface BootloaderDocument {
  readonly strategy?: StrategyName;
  readonly 'max-image-sectors'?: number;
  readonly 'logical-sector-size'?: WrittenSize;
  readonly bootstrap?: boolean;
  readonly 'downgrade-prevention'?: 'none' | 'version' | 'security-counter';
  readonly encryption?: 'none' | 'aes-128' | 'aes-256';
}

/** A board file, as it is written. */
export interface BoardDocument {
  readonly name?: string;
  readonly description?: string;
  readonly model?: DeviceModelName;
  readonly flash?: FlashDocument;
  readonly areas?: Readonly<Partial<Record<BoardAreaName, AreaDocument>>>;
  readonly bootloader?: BootloaderDocument;
  readonly counters?: 'none' | readonly number[];
}

const SECTOR_RUNS_MAX = 64;
const IMAGE_SECTORS_MAX = 65_536;
const COUNTERS_MAX = 4;
const COUNTER_MAX = 0xffff_ffff;
const ADDRESS_MAX = 0xffff_ffff;
const SIZE_FORM = 'a size such as 4096, 0x1000, 4KiB or 1MiB';
const RUN_FORM = 'sectors such as 256 x 4KiB';
const SIZE_TEXT = String.raw`(0x[0-9a-fA-F]{1,8}|\d{1,9})([kKmM][iI][bB])?`;

/** `256 x 4KiB`: how many sectors, of which size. */
export const SECTOR_RUN_PATTERN: RegExp = new RegExp(String.raw`^(\d{1,5}) ?x ?(${SIZE_TEXT})$`);

const sizeSchema: v.GenericSchema<WrittenSize> = v.union(
  [
    v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(ADDRESS_MAX)),
    v.pipe(
      v.string(),
      v.regex(new RegExp(`^${SIZE_TEXT}$`), SIZE_FORM),
      v.examples(['4KiB', '0x76000']),
    ),
  ],
  SIZE_FORM,
);

const areaSchema: v.GenericSchema<AreaDocument> = v.strictObject({
  offset: described(sizeSchema, 'Where the area starts, counted from the start of the flash.'),
  size: described(sizeSchema, 'How many bytes it has; whole sectors of the flash.'),
});

const flashSchema: v.GenericSchema<FlashDocument> = v.strictObject({
  sectors: key(
    v.pipe(
      v.array(
        v.pipe(
          v.string(RUN_FORM),
          v.regex(SECTOR_RUN_PATTERN, RUN_FORM),
          v.examples(['256 x 4KiB', '4 x 16KiB']),
        ),
      ),
      v.minLength(1, 'at least one run of sectors'),
      v.maxLength(SECTOR_RUNS_MAX, `at most ${SECTOR_RUNS_MAX} runs of sectors`),
    ),
    'The erase units from the first to the last, as runs of equal ones: COUNT x SIZE.',
  ),
  'write-alignment': key(
    v.picklist([1, 2, 4, 8, 16, 32]),
    'Bytes that are programmed at once, and once between two erases.',
  ),
  'erased-value': key(
    v.picklist([0xff, 0x00], '0xff or 0x00'),
    'What an erased byte reads as: 0xff, or 0x00. 0xff unless told.',
  ),
  address: key(
    sizeSchema,
    'Where the processor sees the flash; Intel HEX files count from there. 0 unless told.',
  ),
});

const AREA_TEXTS: Readonly<Record<BoardAreaName, string>> = {
  bootloader: 'Where MCUboot itself lies. Nothing here reads or writes it.',
  slot0: 'The primary slot of the first image.',
  slot1: 'The secondary slot of the first image.',
  slot2: 'The primary slot of a second image.',
  slot3: 'The secondary slot of a second image.',
  scratch: 'What swap-using-scratch swaps through: at least as large as the largest sector.',
  store: 'Where the agent of a virtual board keeps its memory: two sectors or more.',
};

const areasSchema: v.GenericSchema<NonNullable<BoardDocument['areas']>> = v.strictObject({
  bootloader: key(areaSchema, AREA_TEXTS.bootloader),
  slot0: key(areaSchema, AREA_TEXTS.slot0),
  slot1: key(areaSchema, AREA_TEXTS.slot1),
  slot2: key(areaSchema, AREA_TEXTS.slot2),
  slot3: key(areaSchema, AREA_TEXTS.slot3),
  scratch: key(areaSchema, AREA_TEXTS.scratch),
  store: key(areaSchema, AREA_TEXTS.store),
});

const bootloaderSchema: v.GenericSchema<BootloaderDocument> = v.strictObject({
  strategy: key(
    v.picklist(STRATEGY_NAMES),
    'How new images come to run; --strategy goes before it. direct-xip unless told.',
  ),
  'max-image-sectors': key(
    v.pipe(v.number(), v.integer('a whole number'), v.minValue(1), v.maxValue(IMAGE_SECTORS_MAX)),
    'Sectors that a trailer has room for (BOOT_MAX_IMG_SECTORS); as many as the largest slot ' +
      'has unless told, as Zephyr does it.',
  ),
  'logical-sector-size': key(
    sizeSchema,
    'Several erase units that the bootloader takes for one sector ' +
      '(MCUBOOT_LOGICAL_SECTOR_SIZE): a power of two. Off unless told.',
  ),
  bootstrap: key(
    v.boolean(),
    'Whether an empty or damaged primary slot is filled from the secondary one ' +
      '(MCUBOOT_BOOTSTRAP). false unless told.',
  ),
  'downgrade-prevention': key(
    v.picklist(['none', 'version', 'security-counter']),
    'What is refused as older than what runs: nothing, a lower version, or, where images are ' +
      'swapped, a lower security counter. version unless told.',
  ),
  encryption: key(
    v.picklist(['none', 'aes-128', 'aes-256']),
    'Whether images may be encrypted (MCUBOOT_ENC_IMAGES), which takes room in trailers. none ' +
      'unless told.',
  ),
});

/** The schema of a board file. */
export const boardSchema: v.GenericSchema<BoardDocument> = v.pipe(
  v.strictObject({
    name: key(
      v.pipe(
        v.string(),
        v.regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'up to 32 lower-case letters, digits and dashes'),
        v.examples(['pump-controller']),
      ),
      'What the board is called; its devices are known by this name and their seed.',
    ),
    description: key(proseSchema, 'The board in a sentence, for people.'),
    model: key(
      v.picklist(DEVICE_MODEL_NAMES),
      'A built-in model to start from; everything else here goes before what it says.',
    ),
    flash: key(flashSchema, 'The flash. Needed unless a model is named.'),
    areas: key(areasSchema, 'What lies where in the flash. Needed unless a model is named.'),
    bootloader: key(bootloaderSchema, 'What MCUboot was built for.'),
    counters: key(
      v.union([
        v.literal('none'),
        v.pipe(
          v.array(
            v.pipe(v.number(), v.integer('a whole number'), v.minValue(0), v.maxValue(COUNTER_MAX)),
          ),
          v.minLength(1, 'at least one'),
          v.maxLength(COUNTERS_MAX, `at most ${COUNTERS_MAX}`),
        ),
      ]),
      'The security counter of each image when the board leaves the factory, or none on a board ' +
        'without. Unless told, 0 where the first image carries one.',
    ),
  }),
  v.title('Brickproof board'),
  v.description('A board and its bootloader. Use with: brickproof board --board FILE'),
);

/** The same as a JSON schema (draft-07), for editors. */
export function boardJsonSchema(): object {
  return toJsonSchema(boardSchema, { target: 'draft-07', ignoreActions: ['check'] });
}
