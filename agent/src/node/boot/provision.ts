import {
  DONE,
  accept,
  imageSourceFromBytes,
  markForDirectXip,
  maxImageSizeBytes,
  readImageSummary,
  reject,
  verifyImage,
} from '@brickproof/bootloader-sim';
import type { FlashArea, RejectCode, Verdict, VerifiedImage } from '@brickproof/bootloader-sim';
import { SectorWriter } from '../../update/sector-writer.js';
import type { OpenDevice } from '../daemon/open-device.js';
import { removeBootRecord } from './boot-record.js';

/** Why a device cannot be given its first image. */
export type ProvisionRejectCode = RejectCode | 'provision-slot-taken';

/** How a device is given its first image. */
export interface ProvisionOptions {
  /** Write over what the slots hold. */
  readonly force: boolean;
}

/**
 * Puts a first image into the primary slot, confirmed, and empties the secondary. The image must
 * verify. Refuses a device that has images, unless `force` says otherwise.
 */
export function provision(
  device: OpenDevice,
  image: Uint8Array,
  options: ProvisionOptions,
): Verdict<VerifiedImage, ProvisionRejectCode> {
  const [primary, secondary] = device.slots;
  const verified = verifyImage(
    imageSourceFromBytes(image),
    {
      keys: device.keys,
      maxImageSizeBytes: maxImageSizeBytes(primary),
      minimumSecurityCounter: device.counters?.read(0),
      slotAddress: primary.flashOffset,
    },
    device.crypto,
  );
  if (!verified.ok) return verified;
  if (!options.force && [primary, secondary].some((slot) => readImageSummary(slot).ok)) {
    const detail = 'the slots hold images already; add --force to write over them';
    return reject('provision-slot-taken', detail);
  }
  removeBootRecord(device.config.boot.stateFile);
  const steps = [
    () => primary.erase(0, primary.sizeBytes),
    () => secondary.erase(0, secondary.sizeBytes),
    () => writeImage(primary, image),
    () => markForDirectXip(primary, { confirm: true }),
    () => primary.sync(),
    () => secondary.sync(),
  ];
  for (const step of steps) {
    const done = step();
    if (!done.ok) return done;
  }
  return accept(verified.value);
}

/** As an upload does: the header last, so that a cut leaves no half image that counts. */
function writeImage(area: FlashArea, image: Uint8Array): Verdict<void> {
  const writer = new SectorWriter(area, 0);
  for (let rest = image; rest.byteLength > 0;) {
    const entered = writer.isAtSector ? writer.enterSector() : DONE;
    if (!entered.ok) return entered;
    const written = writer.write(rest);
    if (!written.ok) return written;
    rest = rest.subarray(written.value);
  }
  const finished = writer.finish();
  return finished.ok ? writer.writeHead() : finished;
}
