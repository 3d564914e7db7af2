import { accept, reject, type ImageRejectCode, type Verdict } from '../verdict.js';
import {
  decodeImageVersion,
  encodeImageVersion,
  IMAGE_VERSION_SIZE_BYTES,
  type ImageVersion,
} from './version.js';

/** An image index, three bytes of padding, a version. */
const DEPENDENCY_SIZE_BYTES = 4 + IMAGE_VERSION_SIZE_BYTES;

/** Another image of the board, and the lowest version of it that this image runs beside. */
export interface ImageDependency {
  readonly imageIndex: number;
  readonly minimumVersion: ImageVersion;
}

/** Reads the value of a dependency TLV. Refuses `image-tlv-size`. */
export function decodeDependency(value: Uint8Array): Verdict<ImageDependency, ImageRejectCode> {
  const [imageIndex] = value;
  if (imageIndex === undefined || value.byteLength !== DEPENDENCY_SIZE_BYTES) {
    return reject(
      'image-tlv-size',
      `a dependency has ${DEPENDENCY_SIZE_BYTES} bytes, found ${value.byteLength}`,
    );
  }
  return accept({ imageIndex, minimumVersion: decodeImageVersion(value, 4) });
}

/** Writes the value of a dependency TLV. Throws when a part does not fit. */
export function encodeDependency(dependency: ImageDependency): Uint8Array {
  const { imageIndex, minimumVersion } = dependency;
  if (!Number.isInteger(imageIndex) || imageIndex < 0 || imageIndex > 0xff) {
    throw new RangeError(`image index ${imageIndex} does not fit one byte`);
  }
  const value = new Uint8Array(DEPENDENCY_SIZE_BYTES);
  value[0] = imageIndex;
  encodeImageVersion(minimumVersion, value, 4);
  return value;
}
