import {
  PLAIN,
  builtInBoard,
  formatFlash,
  reportFlash,
  type BoardDefinition,
  type FlashReport,
  type FlashToShow,
} from '@brickproof/harness';
import { OUR_KEY, image } from '../../bootloader-sim/boot/fixture.js';
import {
  CRYPTO,
  EQUAL_SHAPE,
  SwapBench,
  type SwapShape,
} from '../../bootloader-sim/boot/swap-bench.js';

/** A board whose flash is that of a bench. */
export function boardOf(bench: SwapBench): BoardDefinition {
  const { primary, secondary, scratch, environment } = bench;
  const { maxImageSectors, encryptionKeySizeBytes, downgradePrevention, bootstrap } = environment;
  return {
    ...builtInBoard('nrf-equal', bench.strategy),
    model: {
      name: 'bench',
      summary: 'a small flash',
      geometry: bench.flash.geometry,
      areas: [primary, secondary, scratch].map(({ name, flashOffset, sizeBytes }) => {
        return { name, offset: flashOffset, sizeBytes };
      }),
    },
    bootSettings: { maxImageSectors, encryptionKeySizeBytes, downgradePrevention, bootstrap },
  };
}

/** What there is to see in the flash of a bench. */
export function reportOf(bench: SwapBench, changes: Partial<FlashToShow> = {}): FlashReport {
  return reportFlash({
    board: boardOf(bench),
    snapshot: bench.flash.snapshot(),
    keys: [{ name: 'our-key.pem', key: OUR_KEY.verificationKey }],
    crypto: CRYPTO,
    decryptionKey: bench.environment.decryptionKey,
    counters: [0],
    ...changes,
  });
}

/** A board that runs 1.0.0 and is offered another image: 2.0.0 unless told. */
export function offered(
  strategy: SwapBench['strategy'],
  options: {
    readonly shape?: SwapShape;
    readonly offer?: Uint8Array;
    readonly permanent?: boolean;
  } = {},
): SwapBench {
  const { shape = EQUAL_SHAPE, offer = image('2.0.0'), permanent = false } = options;
  const bench = new SwapBench(strategy, shape);
  bench.install(image('1.0.0'));
  bench.offer(offer, { permanent });
  return bench;
}

export function textOf(bench: SwapBench): string {
  return formatFlash(reportOf(bench), PLAIN);
}

/** The lines of a section, without their indent. */
export function section(text: string, heading: string): readonly string[] {
  const found = text.split('\n\n').find((part) => part.startsWith(heading));
  if (found === undefined) throw new Error(`no ${heading} in\n${text}`);
  return found
    .split('\n')
    .slice(1)
    .map((line) => line.trim());
}
