import {
  createFlashGeometry,
  type FlashAreaOptions,
  type FlashGeometry,
  type SectorRun,
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
}

/** The device models that can be simulated. */
export type DeviceModelName = 'nrf-equal' | 'stm-unequal';

const KIB = 1024;

function model(options: {
  readonly name: DeviceModelName;
  readonly summary: string;
  readonly sectorRuns: readonly SectorRun[];
  readonly writeAlignBytes: WriteAlignBytes;
  readonly areas: readonly FlashAreaOptions[];
}): DeviceModel {
  const { name, summary, sectorRuns, writeAlignBytes, areas } = options;
  const geometry = createFlashGeometry({ sectorRuns, writeAlignBytes, erasedValue: 0xff });
  if (!geometry.ok) throw new Error(`device model ${name}: ${geometry.detail}`);
  return { name, summary, geometry: geometry.value, areas };
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
  }),
};

/** The names, for people to choose from. */
export const DEVICE_MODEL_NAMES: readonly DeviceModelName[] = ['nrf-equal', 'stm-unequal'];
