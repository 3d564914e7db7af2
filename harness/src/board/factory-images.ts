import {
  accept,
  imageSourceFromBytes,
  reject,
  verifyImage,
  type BootCapacity,
  type CryptoProvider,
  type Verdict,
  type VerificationKey,
} from '@brickproof/bootloader-sim';
import { readFileBytes, type FileRejectCode } from '../cli/files.js';
import { readSample, type SampleRejectCode } from '../samples/sample-set.js';
import type { FactoryCounters } from './board-definition.js';
import type { DeviceModel, DeviceModelName } from './device-model.js';

/** The sample that every model leaves the factory with, unless told otherwise. */
export const IMAGE_SAMPLE_DEFAULT = 'good-1.0.0-imgtool.bin';
/** The sample beside it, on a model with two images. */
export const SECOND_IMAGE_SAMPLE_DEFAULT = 'good-1.0.0-image1-imgtool.bin';

/** Which images a board leaves the factory with; samples where none is named. */
export interface FactoryImagePaths {
  /** The model whose samples they are. */
  readonly samples: DeviceModelName;
  readonly imageCount: number;
  readonly imagePath?: string | undefined;
  readonly secondImagePath?: string | undefined;
}

/** One image for each that the board has. Refuses as files and samples are refused. */
export function readFactoryImages(
  paths: FactoryImagePaths,
): Verdict<readonly [Uint8Array, ...Uint8Array[]], FileRejectCode | SampleRejectCode> {
  const { samples, imageCount, imagePath, secondImagePath } = paths;
  const image = readImage(imagePath, samples, IMAGE_SAMPLE_DEFAULT);
  if (!image.ok) return image;
  if (imageCount < 2) return accept([image.value]);
  const second = readImage(secondImagePath, samples, SECOND_IMAGE_SAMPLE_DEFAULT);
  return second.ok ? accept([image.value, second.value]) : second;
}

function readImage(
  path: string | undefined,
  model: DeviceModelName,
  sampleName: string,
): Verdict<Uint8Array, FileRejectCode | SampleRejectCode> {
  return path === undefined ? readSample(model, sampleName) : readFileBytes(path);
}

/** The board that images leave the factory on. */
export interface FactoryBoard {
  readonly model: DeviceModel;
  readonly capacity: BootCapacity;
  readonly keys: readonly VerificationKey[];
  readonly crypto: CryptoProvider;
  /** The bootloader has a decryption key. */
  readonly isDecrypting: boolean;
  /** What its counters start at, if that was said. */
  readonly counters: FactoryCounters | undefined;
}

/**
 * The images must boot, or nobody would ever hear from the board. Answers what its counters start
 * at: a board has none when its first image does not carry one. Refuses `factory-image-unfit`.
 */
export function checkFactoryImages(
  images: readonly Uint8Array[],
  board: FactoryBoard,
): Verdict<FactoryCounters, 'factory-image-unfit'> {
  let { counters } = board;
  for (const [index, image] of images.entries()) {
    const minimum = counters === 'none' ? undefined : counters?.[index];
    const verified = checkFactoryImage(image, { ...board, index, minimum });
    if (!verified.ok) return verified;
    counters ??= verified.value === undefined ? 'none' : images.map(() => 0);
  }
  return accept(counters ?? 'none');
}

/** Answers the image's security counter. */
function checkFactoryImage(
  image: Uint8Array,
  board: FactoryBoard & { readonly index: number; readonly minimum: number | undefined },
): Verdict<number | undefined, 'factory-image-unfit'> {
  const { model, capacity, index, minimum, isDecrypting } = board;
  const slot = model.areas.find((area) => area.name === `slot${2 * index}`);
  const verified = verifyImage(
    imageSourceFromBytes(image),
    {
      keys: board.keys,
      maxImageSizeBytes: capacity.maxImageSizesBytes[index] ?? 0,
      minimumSecurityCounter: minimum,
      slotAddress: slot?.offset,
      // In slot 0 an image lies plain, also one that is encrypted when it is swapped out.
      encryption: isDecrypting ? { body: 'plain' } : undefined,
    },
    board.crypto,
  );
  if (verified.ok) return accept(verified.value.securityCounter);
  const { code, detail } = verified;
  const [what, flag] = index === 0 ? ['image', '--image'] : ['second image', '--second-image'];
  const hint =
    code === 'image-key-unknown' ? 'name its key with --key' : `choose another with ${flag}`;
  return reject('factory-image-unfit', `the ${what} would not boot (${code}: ${detail}); ${hint}`);
}
