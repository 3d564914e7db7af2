import { agreementPointOf } from '@brickproof/bootloader-sim';
import type { SceneKit, SceneRecipe } from './scene-kit.js';
import { SCENE_CONTENT_KEY_SIZE_BYTES, type SceneImageOptions } from './scene-images.js';
import type { KnownImage } from './scene.js';
import { askForUpdate } from './update-scenes.js';

/** An upgrade with images that only run in the clear, and only lie encrypted where they are sent. */
export const ENCRYPTED: SceneRecipe = {
  summary: 'an encrypted image is taken, tried, and confirms itself or does not',
  settings: { encryptionKeySizeBytes: SCENE_CONTENT_KEY_SIZE_BYTES },
  decrypts: true,
  unfit: {
    strategies: ['direct-xip'],
    why: 'images run where they lie, and would have to lie there in the clear',
  },
  prepare: (kit) => {
    const old = twoForms(kit, { name: '1.0.0', role: 'old', minor: 0, securityCounter: 1 });
    const next = twoForms(kit, { name: '1.1.0', role: 'new', minor: 1, securityCounter: 2 });
    kit.board.provision(old.clear);
    kit.board.stage(next.encrypted);
    return {
      ...askForUpdate(kit, { images: [old.encrypted, next.encrypted], permanent: false }),
      otherForms: [old.clear.bytes, next.clear.bytes],
    };
  },
};

/** The same image as it is sent and stored, and as it runs. */
function twoForms(
  { device, image }: SceneKit,
  options: Omit<SceneImageOptions, 'sizeBytes' | 'encryption'>,
): { readonly encrypted: KnownImage; readonly clear: KnownImage } {
  if (device.decryptionKey === undefined) throw new Error('a device that cannot decrypt');
  const key = agreementPointOf(device.decryptionKey);
  return {
    encrypted: image({ ...options, encryption: { key, clear: false } }),
    clear: image({ ...options, encryption: { key, clear: true } }),
  };
}
