import {
  createFlashGeometry,
  type FlashAreaOptions,
  type FlashGeometry,
  type SectorRun,
  type StrategyName,
  type WriteAlignBytes,
} from '@brickproof/bootloader-sim';

/** A kind of board: its flash and how it is divided. */
export interface DeviceModel {
  readonly name: string;
  /** One line for people. */
  readonly summary: string;
  readonly geometry: FlashGeometry;
  /**
   * The areas `slot0`, `slot1` and `store`; `scratch` where images are swapped through it, `slot2`
   * and `slot3` where the board has a second image, and any others.
   */
  readonly areas: readonly FlashAreaOptions[];
  /**
   * The division for swap-using-scratch, where it needs another one (`dividedFor`): slots start
   * where they do in `areas`, since images may be linked for it, but the scratch area takes room.
   */
  readonly scratchAreas?: readonly FlashAreaOptions[];
}

/** The device models that can be simulated. */
export type DeviceModelName = 'nrf-equal' | 'stm-unequal' | 'nrf-dual';

const KIB = 1024;

function model(options: {
  readonly name: DeviceModelName;
  readonly summary: string;
  readonly sectorRuns: readonly SectorRun[];
  readonly writeAlignBytes: WriteAlignBytes;
  readonly areas: readonly FlashAreaOptions[];
  readonly scratchAreas?: readonly FlashAreaOptions[];
}): DeviceModel {
  const { sectorRuns, writeAlignBytes, ...rest } = options;
  const geometry = createFlashGeometry({ sectorRuns, writeAlignBytes, erasedValue: 0xff });
  if (!geometry.ok) throw new Error(`device model ${rest.name}: ${geometry.detail}`);
  return { ...rest, geometry: geometry.value };
}

/** One bank of the unequal model. */
const UNEQUAL_BANK: readonly SectorRun[] = [
  { count: 4, sizeBytes: 16 * KIB },
  { count: 1, sizeBytes: 64 * KIB },
  { count: 7, sizeBytes: 128 * KIB },
];

/** All device models by name. */
export const DEVICE_MODELS: Readonly<Record<DeviceModelName, DeviceModel>> = {
  'nrf-equal': model({
    name: 'nrf-equal',
    summary: '1 MiB flash, equal sectors of 4 KiB, write alignment 4',
    sectorRuns: [{ count: 256, sizeBytes: 4 * KIB }],
    writeAlignBytes: 4,
    areas: [
      { name: 'bootloader', offset: 0, sizeBytes: 0xc000 },
      { name: 'slot0', offset: 0xc000, sizeBytes: 0x76000 },
      { name: 'slot1', offset: 0x82000, sizeBytes: 0x76000 },
      { name: 'store', offset: 0xf8000, sizeBytes: 0x8000 },
    ],
    scratchAreas: [
      { name: 'bootloader', offset: 0, sizeBytes: 0xc000 },
      { name: 'slot0', offset: 0xc000, sizeBytes: 0x76000 },
      { name: 'slot1', offset: 0x82000, sizeBytes: 0x76000 },
      { name: 'store', offset: 0xf8000, sizeBytes: 0x4000 },
      { name: 'scratch', offset: 0xfc000, sizeBytes: 0x4000 },
    ],
  }),
  'stm-unequal': model({
    name: 'stm-unequal',
    summary: '2 MiB flash in two banks, sectors of 16, 64 and 128 KiB, write alignment 8',
    sectorRuns: [...UNEQUAL_BANK, ...UNEQUAL_BANK],
    writeAlignBytes: 8,
    areas: [
      { name: 'bootloader', offset: 0, sizeBytes: 0x10000 },
      { name: 'slot0', offset: 0x10000, sizeBytes: 0xf0000 },
      { name: 'store', offset: 0x100000, sizeBytes: 0x10000 },
      { name: 'slot1', offset: 0x110000, sizeBytes: 0xf0000 },
    ],
    // The scratch area has to hold the largest sector, and all of the flash is in use: each slot
    // gives one.
    scratchAreas: [
      { name: 'bootloader', offset: 0, sizeBytes: 0x10000 },
      { name: 'slot0', offset: 0x10000, sizeBytes: 0xd0000 },
      { name: 'scratch', offset: 0xe0000, sizeBytes: 0x20000 },
      { name: 'store', offset: 0x100000, sizeBytes: 0x10000 },
      { name: 'slot1', offset: 0x110000, sizeBytes: 0xd0000 },
    ],
  }),
  'nrf-dual': model({
    name: 'nrf-dual',
    summary: 'two images; 1 MiB flash, equal sectors of 4 KiB, write alignment 4',
    sectorRuns: [{ count: 256, sizeBytes: 4 * KIB }],
    writeAlignBytes: 4,
    areas: [
      { name: 'bootloader', offset: 0, sizeBytes: 0xc000 },
      { name: 'slot0', offset: 0xc000, sizeBytes: 0x48000 },
      { name: 'slot1', offset: 0x54000, sizeBytes: 0x48000 },
      { name: 'slot2', offset: 0x9c000, sizeBytes: 0x2e000 },
      { name: 'slot3', offset: 0xca000, sizeBytes: 0x2e000 },
      { name: 'store', offset: 0xf8000, sizeBytes: 0x4000 },
      { name: 'scratch', offset: 0xfc000, sizeBytes: 0x4000 },
    ],
  }),
};

/** A model with its flash divided as a strategy needs it. */
export function dividedFor(model: DeviceModel, strategy: StrategyName): DeviceModel {
  const { name, summary, geometry, scratchAreas } = model;
  return strategy === 'swap-using-scratch' && scratchAreas !== undefined
    ? { name, summary, geometry, areas: scratchAreas }
    : model;
}

/** The names, for people to choose from. */
export const DEVICE_MODEL_NAMES: readonly DeviceModelName[] = [
  'nrf-equal',
  'stm-unequal',
  'nrf-dual',
];
