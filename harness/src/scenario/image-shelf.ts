import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { closestWord } from '@brickproof/agent/node';
import {
  accept,
  imageSourceFromBytes,
  readImageSummary,
  reject,
  type Verdict,
} from '@brickproof/bootloader-sim';
import type { DeviceModelName } from '../board/device-model.js';
import { readFileBytes } from '../cli/files.js';
import { readSample, SAMPLES_FOLDER } from '../samples/sample-set.js';

/** An image that a scenario names. */
export interface ShelvedImage {
  readonly bytes: Uint8Array;
  /** What names it to a device; undefined when the image is too damaged to have one. */
  readonly hash: Uint8Array | undefined;
}

/** Finds the images of one scenario, on one model. */
export class ImageShelf {
  readonly #model: DeviceModelName;
  readonly #folder: string;
  readonly #images: Map<string, ShelvedImage> = new Map<string, ShelvedImage>();

  /** `folder` is where paths start. */
  constructor(model: DeviceModelName, folder: string) {
    this.#model = model;
    this.#folder = folder;
  }

  /** A name with a slash is a path, any other one of the model's samples. Each is read once. */
  take(name: string): Verdict<ShelvedImage, string> {
    const known = this.#images.get(name);
    if (known !== undefined) return accept(known);
    const bytes = name.includes('/')
      ? readFileBytes(resolve(this.#folder, name))
      : this.#takeSample(name);
    if (!bytes.ok) return bytes;
    const summary = readImageSummary(imageSourceFromBytes(bytes.value));
    const image = { bytes: bytes.value, hash: summary.ok ? summary.value.hash : undefined };
    this.#images.set(name, image);
    return accept(image);
  }

  #takeSample(name: string): Verdict<Uint8Array, string> {
    const sample = readSample(this.#model, name);
    if (sample.ok) return sample;
    const folder = join(SAMPLES_FOLDER, this.#model);
    if (!existsSync(folder)) {
      return reject('sample-missing', 'the samples are only in a checkout; name an image by path');
    }
    const meant = closestWord(name, readdirSync(folder));
    const help =
      meant === undefined
        ? `see firmware-samples/${this.#model}, or write a path with a slash`
        : `did you mean ${meant}?`;
    return reject('sample-missing', `${this.#model} has no sample "${name}"; ${help}`);
  }
}
