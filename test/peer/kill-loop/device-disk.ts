import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { STORE_KEY } from '@brickproof/agent';
import { DISK_STORE_FILE_NAME, openDiskStore, openFileFlashArea } from '@brickproof/agent/node';
import {
  maxImageSizeBytes,
  readTrailer,
  verifyImage,
  type Trailer,
  type Verdict,
  type VerifiedImage,
} from '@brickproof/bootloader-sim';
import { must } from '../../agent/node/daemon/device-folder.js';
import { BrokenPromise } from './broken-promise.js';
import type { KilledDevice } from './killed-device.js';
import { CRYPTO, SIGNING_KEY } from './update-plan.js';

/** What a slot's file holds, judged without the daemon. */
export interface SlotOnDisk {
  readonly image: Verdict<VerifiedImage, string>;
  readonly trailer: Trailer;
}

/** The security counter in the store's file. Throws `store-unreadable`. */
export function readStoredCounter(device: KilledDevice): number {
  const file = device.file('store', DISK_STORE_FILE_NAME);
  // A copy, as the daemon may have its folder open.
  const folder = device.file('store-copy');
  mkdirSync(folder, { recursive: true });
  if (existsSync(file)) cpSync(file, device.file('store-copy', DISK_STORE_FILE_NAME));
  const store = openDiskStore({ folder, areas: [] });
  if (!store.ok) throw new BrokenPromise('store-unreadable', store.detail);
  const bytes = store.value.get(STORE_KEY.securityCounter);
  store.value.close();
  return bytes === undefined ? 0 : Buffer.from(bytes).readUInt32LE(0);
}

/** Reads a slot's file, and verifies the image in it against key and counter. */
export function readSlot(device: KilledDevice, slot: number, counter: number): SlotOnDisk {
  const { slotSizeBytes, sectorSizeBytes } = device.leg;
  const area = must(
    openFileFlashArea({
      path: device.file(`slot${slot}.img`),
      name: `slot${slot}`,
      flashOffset: 0,
      sizeBytes: slotSizeBytes,
      sectorSizeBytes,
      mayCreate: false,
    }),
  );
  const policy = {
    keys: [SIGNING_KEY.verificationKey],
    maxImageSizeBytes: maxImageSizeBytes(area),
    minimumSecurityCounter: counter,
  };
  const image = verifyImage(area, policy, CRYPTO);
  const trailer = readTrailer(area);
  area.close();
  return { image, trailer };
}
