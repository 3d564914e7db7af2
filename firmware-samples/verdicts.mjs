// What a device answers to a sample: the image is put into each slot of a simulated flash.
import {
  NorFlash,
  createFlashMap,
  imageSourceFromBytes,
  maxImageSizeBytes,
  verifyImage,
} from '@brickproof/bootloader-sim';
import { DEVICE_MODELS } from '@brickproof/harness';

/** The sample devices have seen this security counter. */
export const DEVICE_SECURITY_COUNTER = 1;

/**
 * `accept` or a code, for each slot of the model. `keys` are the trusted ones. A device with a
 * decryption key runs images from slot 0, where they are decrypted; in slot 1 they lie encrypted.
 * `imageIndex` says which image of the model it is, whose slots are meant.
 */
export function verificationOf({ modelName, image, keys, crypto, decryptionKey, imageIndex = 0 }) {
  const answers = ['slot0', 'slot1'].map((name, slot) => {
    const area = areaOf(modelName, `slot${2 * imageIndex + slot}`);
    const policy = {
      keys,
      maxImageSizeBytes: maxImageSizeBytes(area),
      minimumSecurityCounter: DEVICE_SECURITY_COUNTER,
      slotAddress: area.flashOffset,
      ...(decryptionKey === undefined ? {} : { encryption: encryptionIn(name, decryptionKey) }),
    };
    const verdict = verifyImage(place(area, image), policy, crypto);
    return [name, verdict.ok ? 'accept' : verdict.code];
  });
  return Object.fromEntries(answers);
}

function encryptionIn(name, key) {
  return name === 'slot0' ? { body: 'plain' } : { body: 'encrypted', key };
}

/** The area of a fresh flash of a model. */
export function areaOf(modelName, name) {
  const model = DEVICE_MODELS[modelName];
  const map = createFlashMap(new NorFlash(model.geometry), model.areas);
  if (!map.ok) throw new Error(map.detail);
  return map.value.area(name);
}

/** The area with the image in it; what does not fit is judged as it is. */
function place(area, image) {
  const align = area.writeAlignBytes;
  const padded = Buffer.alloc(Math.ceil(image.length / align) * align, area.erasedValue);
  padded.set(image);
  if (padded.length > area.sizeBytes) return imageSourceFromBytes(image);
  const written = area.write(0, padded);
  if (!written.ok) throw new Error(written.detail);
  return area;
}
