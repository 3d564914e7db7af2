import {
  checkBootLayout,
  createFlashGeometry,
  createFlashMap,
  NorFlash,
  trailerFormat,
  trailerSizeBytes,
  scratchTrailerSizeBytes,
  type BootLayout,
  type ErasedValue,
  type FlashArea,
  type FlashAreaOptions,
  type FlashGeometry,
  type SectorRun,
  type SlotPair,
  type StrategyName,
  type WriteAlignBytes,
} from '@brickproof/bootloader-sim';

/** A tiny board: a boot of it takes a fraction of a millisecond. */
export interface HostileShape {
  readonly strategy: StrategyName;
  readonly geometry: FlashGeometry;
  /** `primary`, `secondary` and `scratch`, and `primary2`, `secondary2` where there are two images. */
  readonly areas: readonly FlashAreaOptions[];
  readonly encryptionKeySizeBytes: 16 | undefined;
  /** Where a new image starts in a secondary slot. */
  readonly uploadOffsetBytes: number;
  /** Where the status entries start, and how many bytes they take. */
  readonly slotStatus: StatusRange;
  readonly scratchStatus: StatusRange;
}

/** Counted from the end of an area. */
export interface StatusRange {
  readonly fromEndBytes: number;
  readonly sizeBytes: number;
}

/** A flash of a shape, divided into its areas. */
export interface HostileAreas {
  readonly images: readonly SlotPair[];
  readonly scratch: FlashArea | undefined;
}

type Runs = readonly SectorRun[];

const EIGHTS: Runs = [{ count: 8, sizeBytes: 64 }];
const SIX: Runs = [{ count: 6, sizeBytes: 128 }];
const SEVEN: Runs = [{ count: 7, sizeBytes: 128 }];
const NINE: Runs = [{ count: 9, sizeBytes: 64 }];
const TEN: Runs = [{ count: 10, sizeBytes: 64 }];
const UNEQUAL: Runs = [
  { count: 2, sizeBytes: 128 },
  { count: 1, sizeBytes: 256 },
  { count: 2, sizeBytes: 128 },
];
const LARGER: Runs = [{ count: 3, sizeBytes: 256 }];
const NO_SCRATCH: Runs = [];

/** Small words and large ones, trailers of a sector and of several, room for keys, two images. */
export const HOSTILE_SHAPES: Readonly<Record<StrategyName, readonly HostileShape[]>> = {
  'direct-xip': [
    shape('direct-xip', 4, 0xff, [[SIX, SIX]], NO_SCRATCH),
    shape('direct-xip', 8, 0x00, [[UNEQUAL, UNEQUAL]], NO_SCRATCH),
    shape('direct-xip', 16, 0xff, twice([SIX, SIX]), NO_SCRATCH),
  ],
  'overwrite-only': [
    shape('overwrite-only', 4, 0xff, [[SIX, SIX]], NO_SCRATCH),
    shape('overwrite-only', 8, 0x00, [[UNEQUAL, LARGER]], NO_SCRATCH),
    shape('overwrite-only', 16, 0xff, twice([SIX, SIX]), NO_SCRATCH),
  ],
  'swap-using-offset': [
    shape('swap-using-offset', 4, 0xff, [[SIX, SEVEN]], NO_SCRATCH),
    shape('swap-using-offset', 8, 0x00, [[EIGHTS, EIGHTS]], NO_SCRATCH, 16),
    shape('swap-using-offset', 16, 0xff, twice([SIX, SIX]), NO_SCRATCH),
  ],
  'swap-using-move': [
    shape('swap-using-move', 4, 0xff, [[SEVEN, SIX]], NO_SCRATCH),
    shape('swap-using-move', 8, 0x00, [[NINE, EIGHTS]], NO_SCRATCH, 16),
    shape('swap-using-move', 16, 0xff, twice([SEVEN, SEVEN]), NO_SCRATCH),
  ],
  'swap-using-scratch': [
    shape('swap-using-scratch', 4, 0xff, [[UNEQUAL, LARGER]], [{ count: 1, sizeBytes: 256 }]),
    shape('swap-using-scratch', 8, 0x00, [[TEN, TEN]], [{ count: 2, sizeBytes: 64 }], 16),
    shape('swap-using-scratch', 16, 0xff, twice([SIX, SIX]), [{ count: 2, sizeBytes: 128 }]),
  ],
};

/** Divides a flash of this shape. */
export function hostileAreas(
  flash: NorFlash,
  { areas }: Pick<HostileShape, 'areas'>,
): HostileAreas {
  const map = createFlashMap(flash, areas);
  if (!map.ok) throw new Error(map.detail);
  const has = (name: string): boolean => areas.some((area) => area.name === name);
  const pairs = ['', '2'].filter((suffix) => has(`primary${suffix}`));
  return {
    images: pairs.map((suffix) => [
      map.value.area(`primary${suffix}`),
      map.value.area(`secondary${suffix}`),
    ]),
    scratch: has('scratch') ? map.value.area('scratch') : undefined,
  };
}

function shape(
  strategy: StrategyName,
  writeAlignBytes: WriteAlignBytes,
  erasedValue: ErasedValue,
  images: readonly (readonly [Runs, Runs])[],
  scratch: Runs,
  encryptionKeySizeBytes?: 16,
): HostileShape {
  const named = images.flatMap(([primary, secondary], index) => {
    const suffix = index === 0 ? '' : '2';
    return [
      { name: `primary${suffix}`, runs: primary },
      { name: `secondary${suffix}`, runs: secondary },
    ];
  });
  if (scratch.length > 0) named.push({ name: 'scratch', runs: scratch });
  const sectorRuns = named.flatMap(({ runs }) => runs);
  const geometry = createFlashGeometry({ sectorRuns, writeAlignBytes, erasedValue });
  if (!geometry.ok) throw new Error(geometry.detail);
  const areas = placed(named);
  const layout: BootLayout = {
    ...hostileAreas(new NorFlash(geometry.value), { areas }),
    encryptionKeySizeBytes,
  };
  const capacity = checkBootLayout(strategy, layout);
  if (!capacity.ok) throw new Error(capacity.detail);
  const format = trailerFormat(strategy, layout);
  const entryBytes = format.statesPerSector * format.writeSizeBytes;
  return {
    ...{ strategy, geometry: geometry.value, areas, encryptionKeySizeBytes },
    uploadOffsetBytes: capacity.value.uploadOffsetBytes,
    slotStatus: {
      fromEndBytes: trailerSizeBytes(format),
      sizeBytes: format.sectorsMax * entryBytes,
    },
    scratchStatus: { fromEndBytes: scratchTrailerSizeBytes(format), sizeBytes: entryBytes },
  };
}

function placed(
  named: readonly { readonly name: string; readonly runs: Runs }[],
): readonly FlashAreaOptions[] {
  let offset = 0;
  return named.map(({ name, runs }) => {
    const sizeBytes = runs.reduce((sum, run) => sum + run.count * run.sizeBytes, 0);
    const area = { name, offset, sizeBytes };
    offset += sizeBytes;
    return area;
  });
}

function twice<T>(value: T): readonly [T, T] {
  return [value, value];
}
