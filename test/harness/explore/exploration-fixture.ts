import type {
  Counterexample,
  ExploreReport,
  ExploreSettings,
  InvariantName,
  TraceBoot,
  TraceSector,
  TraceSlot,
} from '@brickproof/harness';

const INVARIANTS: readonly InvariantName[] = [
  'runs-verified-image',
  'counter-never-lower',
  'boots-something',
  'confirmed-stays',
  'tried-once',
  'store-keeps',
  'settles',
  'no-stray-error',
];

const SETTINGS: ExploreSettings = {
  scene: 'update-and-revert',
  strategy: 'swap-using-move',
  slotSizeBytes: 32_768,
  sectorSizeBytes: 4096,
  writeAlignBytes: 8,
  erasedValue: 0xff,
  imageSizeBytes: 17_000,
  cutsMax: 'any',
  tears: ['untouched', 'prefix', 'one-bit-short'],
};

/** An exploration that tried everything and found nothing. */
export const DRAINED: ExploreReport = {
  settings: SETTINGS,
  drained: true,
  stoppedBy: undefined,
  states: 6947,
  edges: 10_412_007,
  merged: 10_405_061,
  deepestNewCut: 7,
  boots: 6950,
  sharedBoots: 18_211,
  bootsToSettle: 3,
  seconds: 41.27,
  peakMemoryBytes: 312 * 1024 * 1024 + 5,
  invariants: INVARIANTS.map((name) => ({ name, violations: 0 })),
  counterexample: undefined,
};

/** An exploration that found nothing, and did not try everything. */
export const UNFINISHED: ExploreReport = {
  ...DRAINED,
  settings: { ...SETTINGS, strategy: 'swap-using-scratch', cutsMax: 2 },
  drained: false,
  stoppedBy: 'the limit of 100,000 states',
  states: 100_000,
};

/** `1.0.0/0-4` for sectors of an image, `-` erased, `~1.0.0/3` and `~` torn, `?` other. */
function sectors(text: string): readonly TraceSector[] {
  const all = text.split(' ').flatMap((word): readonly TraceSector[] => {
    const bare = { image: undefined, imageSector: undefined, hasTrailer: false };
    const match = /^(~?)([^/~?-]+)\/(\d+)(?:-(\d+))?$/.exec(word);
    if (match === null) {
      const kind = word === '-' ? 'erased' : word === '~' ? 'torn' : 'other';
      return [{ ...bare, kind }];
    }
    const [, torn, image, first = '0', last = first] = match;
    const kind = torn === '~' ? 'torn' : 'image';
    return Array.from({ length: Number(last) - Number(first) + 1 }, (_, index) => {
      return { ...bare, kind, image, imageSector: Number(first) + index };
    });
  });
  return all.map((sector, index) => ({ ...sector, hasTrailer: index === all.length - 1 }));
}

const ERASED_TRAILER: TraceSlot['trailer'] = {
  magic: 'unset',
  swapType: 'none',
  copyDone: 'unset',
  imageOk: 'unset',
  statusEntries: 0,
};

function slots(
  texts: readonly [primary: string, secondary: string],
  trailers: readonly Partial<TraceSlot['trailer']>[],
): readonly TraceSlot[] {
  return texts.map((text, index) => ({
    name: `slot${index}`,
    sectors: sectors(text),
    trailer: { ...ERASED_TRAILER, ...trailers[index] },
  }));
}

const FIRST_BOOT: TraceBoot = {
  number: 1,
  log: [
    'Starting bootloader',
    'Primary image: magic=unset, swap_type=0x1, copy_done=0x3, image_ok=0x3',
    'Secondary image: magic=good, swap_type=0x2, copy_done=0x3, image_ok=0x3',
    'Boot source: none',
    'Swap type: test',
    'Starting swap using move algorithm.',
    '*** Booting firmware 1.1.0+0 ***',
    'self-test failed, resets without confirming',
  ],
  readAtLastCut: undefined,
  ran: '1.1.0',
  choice: 'resets without confirming',
  operationCount: 4211,
  lastOperations: [
    {
      index: 4209,
      kind: 'write',
      area: 'slot0',
      offset: 0x7fd8,
      lengthBytes: 8,
      what: 'status entry 14',
    },
    {
      index: 4210,
      kind: 'write',
      area: 'slot0',
      offset: 0x7fe0,
      lengthBytes: 8,
      what: 'copy-done of the trailer',
    },
  ],
  ended: 'reset',
  tear: undefined,
  slots: slots(
    ['1.1.0/0-4 - - ?', '1.0.0/0-4 - - -'],
    [{ magic: 'good', swapType: 'test', copyDone: 'set', statusEntries: 15 }, {}],
  ),
};

const SECOND_BOOT: TraceBoot = {
  number: 2,
  log: [
    'Starting bootloader',
    'Primary image: magic=good, swap_type=0x2, copy_done=0x1, image_ok=0x3',
    'Swap type: revert',
    'Starting swap using move algorithm.',
  ],
  readAtLastCut: undefined,
  ran: undefined,
  choice: undefined,
  operationCount: 12,
  lastOperations: [
    {
      index: 10,
      kind: 'erase',
      area: 'slot0',
      offset: 0x7000,
      lengthBytes: 4096,
      what: 'trailer of slot0',
    },
    {
      index: 11,
      kind: 'write',
      area: 'slot0',
      offset: 0x7ff0,
      lengthBytes: 16,
      what: 'magic of the trailer',
    },
  ],
  ended: 'power-cut',
  tear: '1 of 2 words written',
  slots: slots(['1.1.0/0-4 - - ~', '1.0.0/0-4 - - -'], [{ magic: 'bad' }, {}]),
};

const THIRD_BOOT: TraceBoot = {
  number: 3,
  log: [
    'Starting bootloader',
    'Primary image: magic=bad, swap_type=0x1, copy_done=0x3, image_ok=0x3',
    'Swap type: none',
    'erasing what the swap left behind',
  ],
  readAtLastCut: 'slot0+0x7ff0: 77 c2 95 f3 60 d2 ef 7f ff ff ff ff ff ff ff ff',
  ran: undefined,
  choice: undefined,
  operationCount: 3,
  lastOperations: [
    {
      index: 2,
      kind: 'erase',
      area: 'slot0',
      offset: 0x3000,
      lengthBytes: 4096,
      what: 'sector 3 of slot0',
    },
  ],
  ended: 'power-cut',
  tear: 'erased but for one bit',
  slots: slots(['1.1.0/0-2 ~1.1.0/3 1.1.0/4 - - ~', '1.0.0/0-4 - - -'], [{ magic: 'bad' }, {}]),
};

const LAST_BOOT: TraceBoot = {
  number: 4,
  log: [
    'Starting bootloader',
    'Primary image: magic=bad, swap_type=0x1, copy_done=0x3, image_ok=0x3',
    'Swap type: none',
    'Image in the primary slot is not valid!',
    'Unable to find bootable image',
  ],
  readAtLastCut: 'slot0+0x3000: ff ff ff ff ff ff fb ff ff ff ff ff ff ff ff ff',
  ran: undefined,
  choice: undefined,
  operationCount: 0,
  lastOperations: [],
  ended: 'violation',
  tear: undefined,
  slots: THIRD_BOOT.slots,
};

const COUNTEREXAMPLE: Counterexample = {
  invariant: 'boots-something',
  detail: 'slot0 holds no image that verifies, and no swap is under way that would bring one',
  cuts: 2,
  replayId: 'update-and-revert/swap-using-move/8x4096/2:11.1,3:2.bit',
  start: slots(['1.0.0/0-4 - - -', '1.1.0/0-4 - - ?'], [{}, { magic: 'good', swapType: 'test' }]),
  boots: [FIRST_BOOT, SECOND_BOOT, THIRD_BOOT, LAST_BOOT],
};

/** An exploration that found a torn magic to be a brick. */
export const BROKEN: ExploreReport = {
  ...DRAINED,
  drained: false,
  stoppedBy: 'the first broken invariant',
  states: 1204,
  edges: 88_310,
  merged: 87_107,
  deepestNewCut: 2,
  boots: 1210,
  sharedBoots: 902,
  seconds: 1.94,
  invariants: DRAINED.invariants.map((count) => {
    return count.name === 'boots-something' ? { ...count, violations: 1 } : count;
  }),
  counterexample: COUNTEREXAMPLE,
};

const IMAGE_SECTORS = 5;

/** The same in slots of so many sectors, more than half of them in each image. */
export function brokenWithSectors(sectorCount: number): ExploreReport {
  const widen = (slot: TraceSlot): TraceSlot => {
    const head = slot.sectors.slice(0, IMAGE_SECTORS);
    const image = slot.sectors[0]?.image;
    const more = Array.from({ length: sectorCount - slot.sectors.length }, (_, index) => {
      const hasTrailer = false;
      return index < sectorCount / 2
        ? ({ kind: 'image', image, imageSector: IMAGE_SECTORS + index, hasTrailer } as const)
        : ({ kind: 'erased', image: undefined, imageSector: undefined, hasTrailer } as const);
    });
    return { ...slot, sectors: [...head, ...more, ...slot.sectors.slice(IMAGE_SECTORS)] };
  };
  return {
    ...BROKEN,
    settings: { ...SETTINGS, slotSizeBytes: sectorCount * SETTINGS.sectorSizeBytes },
    counterexample: {
      ...COUNTEREXAMPLE,
      start: COUNTEREXAMPLE.start.map(widen),
      boots: COUNTEREXAMPLE.boots.map((boot) => ({ ...boot, slots: boot.slots.map(widen) })),
    },
  };
}

/** The same with a text wherever a text can come from outside. */
export function brokenWithText(text: string): ExploreReport {
  const rename = (slot: TraceSlot): TraceSlot => ({
    name: text,
    sectors: slot.sectors.map((sector) => ({
      ...sector,
      image: sector.image === undefined ? undefined : text,
    })),
    trailer: { ...slot.trailer, swapType: text },
  });
  return {
    ...BROKEN,
    settings: { ...SETTINGS, scene: text, strategy: text, tears: [text] },
    stoppedBy: text,
    counterexample: {
      ...COUNTEREXAMPLE,
      detail: text,
      replayId: text,
      start: COUNTEREXAMPLE.start.map(rename),
      boots: COUNTEREXAMPLE.boots.map((boot) => ({
        ...boot,
        log: [text],
        readAtLastCut: text,
        ran: text,
        choice: text,
        tear: text,
        lastOperations: boot.lastOperations.map((operation) => {
          return { ...operation, area: text, what: text };
        }),
        slots: boot.slots.map(rename),
      })),
    },
  };
}
