import { formatSize } from '@brickproof/agent/node';
import { STRATEGY_NAMES, accept, reject, type Verdict } from '@brickproof/bootloader-sim';
import type { ExploreBounds, ExploreTask } from '../explore/explore-task.js';
import type { ExplorationRequest } from '../explore/run-exploration.js';
import { layOutScene } from '../explore/scene-geometry.js';
import type { SceneName } from '../explore/scene-catalog.js';
import type { TearKind } from '../explore/tears.js';
import type { ExploreFlags } from './explore-flags.js';

/** One exploration of several, or why it cannot be. */
export interface MatrixEntry {
  /** What tells it from the others. */
  readonly name: string;
  readonly task: Verdict<ExploreTask, string>;
}

/** More is a slip of the keyboard. */
const ENTRIES_MAX = 4_096;

const KIB = 1024;
const SCENES_DEFAULT: readonly SceneName[] = ['upgrade', 'revert'];
const SLOT_SIZE_BYTES_DEFAULT = 32 * KIB;
const SECTOR_SIZE_BYTES_DEFAULT = 4 * KIB;
const TEARS_DEFAULT: readonly TearKind[] = ['prefix'];
const ALIGN_BYTES_DEFAULT = 8;
const FLICKERS_MAX_DEFAULT = 2;

/** How much of everything the flags want to be tried. */
export function boundsOf(flags: ExploreFlags): ExploreBounds {
  const { tears, cuts, statesMax, flickers, hardened } = flags;
  return {
    ...(hardened === true && { hardened }),
    tears: tears ?? TEARS_DEFAULT,
    cutsMax: cuts ?? 'any',
    statesMax,
    flickersMax: flickers ?? FLICKERS_MAX_DEFAULT,
  };
}

/** Every combination of what the flags list. Refuses `explore-too-many`. */
export function matrixOf(flags: ExploreFlags): Verdict<readonly MatrixEntry[], string> {
  const axes = {
    scene: flags.scene ?? SCENES_DEFAULT,
    strategy: flags.strategy ?? STRATEGY_NAMES,
    slotSizeBytes: flags.slotSize ?? [SLOT_SIZE_BYTES_DEFAULT],
    sectorSizeBytes: flags.sectorSize ?? [SECTOR_SIZE_BYTES_DEFAULT],
    writeAlignBytes: flags.align ?? [ALIGN_BYTES_DEFAULT],
    erasedValue: flags.erased ?? [0xff],
    imageSizeBytes: flags.imageSize ?? [undefined],
  } as const;
  const count = Object.values(axes).reduce((product, values) => product * values.length, 1);
  if (count > ENTRIES_MAX) {
    const detail = `${count} explorations are asked for, at most ${ENTRIES_MAX} can be at once`;
    return reject('explore-too-many', detail);
  }
  const bounds = boundsOf(flags);
  const asked: AskedEntry[] = [];
  for (const scene of axes.scene)
    for (const strategy of axes.strategy)
      for (const slotSizeBytes of axes.slotSizeBytes)
        for (const sectorSizeBytes of axes.sectorSizeBytes)
          for (const writeAlignBytes of axes.writeAlignBytes)
            for (const erasedValue of axes.erasedValue)
              for (const imageSizeBytes of axes.imageSizeBytes) {
                const flash = { slotSizeBytes, sectorSizeBytes, writeAlignBytes, erasedValue };
                asked.push({ scene, geometry: { strategy, ...flash }, imageSizeBytes });
              }
  const varying = FLASH_AXES.filter((axis) => axes[axis].length > 1);
  return accept(
    asked.map((entry) => ({ name: nameOf(entry, varying), task: taskOf(entry, bounds) })),
  );
}

/** An exploration as it is asked for, perhaps without the size of its images. */
type AskedEntry = Pick<ExplorationRequest, 'scene' | 'geometry'> & {
  readonly imageSizeBytes: number | undefined;
};

const FLASH_AXES = [
  'slotSizeBytes',
  'sectorSizeBytes',
  'writeAlignBytes',
  'erasedValue',
  'imageSizeBytes',
] as const;

/** How a setting is told, where it is not the same for all. */
const AXIS_WORDS: Readonly<Record<(typeof FLASH_AXES)[number], (value: number) => string>> = {
  slotSizeBytes: (value) => `slots of ${formatSize(value)}`,
  sectorSizeBytes: (value) => `sectors of ${formatSize(value)}`,
  writeAlignBytes: (value) => `align ${value}`,
  erasedValue: (value) => `erased 0x${value.toString(16).padStart(2, '0')}`,
  imageSizeBytes: (value) => `image of ${value} bytes`,
};

function nameOf(
  { scene, geometry, imageSizeBytes = 0 }: AskedEntry,
  varying: readonly (typeof FLASH_AXES)[number][],
): string {
  const values = { ...geometry, imageSizeBytes };
  const words = varying.map((axis) => AXIS_WORDS[axis](values[axis]));
  return [scene, geometry.strategy, ...words].join(', ');
}

function taskOf(entry: AskedEntry, bounds: ExploreBounds): Verdict<ExploreTask, string> {
  const { scene, geometry } = entry;
  const laidOut = layOutScene({ ...geometry, imageCount: 1, settings: {} });
  if (!laidOut.ok) return laidOut;
  const [largestBytes = 0] = laidOut.value.capacity.maxImageSizesBytes;
  const imageSizeBytes =
    entry.imageSizeBytes ?? comfortableSize(largestBytes, geometry.sectorSizeBytes);
  return accept({ kind: 'scene', request: { ...bounds, scene, geometry, imageSizeBytes } });
}

/** As large as fits, less a sector, where that leaves something. */
function comfortableSize(largestBytes: number, sectorSizeBytes: number): number {
  const sizeBytes = largestBytes - sectorSizeBytes;
  return sizeBytes >= sectorSizeBytes ? sizeBytes : largestBytes;
}

/** The flags that say otherwise than the identifier of a replay does; undefined when none does. */
export function contradictionOf(
  flags: ExploreFlags,
  { scene, geometry, imageSizeBytes, tears, cutsMax, flickersMax, hardened }: ExplorationRequest,
): string | undefined {
  const told: readonly (readonly [string, readonly unknown[] | undefined, unknown])[] = [
    ['--scene', flags.scene, scene],
    ['--strategy', flags.strategy, geometry.strategy],
    ['--slot-size', flags.slotSize, geometry.slotSizeBytes],
    ['--sector-size', flags.sectorSize, geometry.sectorSizeBytes],
    ['--align', flags.align, geometry.writeAlignBytes],
    ['--erased', flags.erased, geometry.erasedValue],
    ['--image-size', flags.imageSize, imageSizeBytes],
    ['--tears', flags.tears && [flags.tears.toSorted().join()], tears.toSorted().join()],
    ['--cuts', flags.cuts === undefined ? undefined : [flags.cuts], cutsMax],
    ['--hardened', flags.hardened === undefined ? undefined : [flags.hardened], hardened ?? false],
    ['--flickers', flags.flickers === undefined ? undefined : [flags.flickers], flickersMax],
  ];
  const other = told.find(
    ([, values, value]) => values !== undefined && (values.length !== 1 || values[0] !== value),
  );
  if (other === undefined) return undefined;
  const [flag, , value] = other;
  return `the identifier is of an exploration with ${flag} ${String(value)}; leave ${flag} out`;
}
