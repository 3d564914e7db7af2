import type { FlashArea } from '../flash/flash-area.js';
import { compareImageVersions } from '../image/version.js';
import { IMAGE_FLAG, parseImageHeader } from '../image/header.js';
import type { VerifiedImage } from '../image/verify.js';
import { DONE, accept, type Verdict } from '../verdict.js';
import { readTrailer, trailerSectorOffset, writeTrailerMagic } from './trailer.js';
import {
  eraseSlot,
  noBootableImage,
  raiseSecurityCounter,
  readSlotHeaders,
  slotArea,
  verifySlot,
  type BootEnvironment,
  type BootedImage,
  type UpgradeStrategy,
} from './upgrade-strategy.js';

const PRIMARY = 0;
const SECONDARY = 1;

/** Bytes moved from slot to slot at a time; a multiple of every write alignment. */
const COPY_CHUNK_BYTES = 4096;

/**
 * Overwrite-only: a marked image in the secondary slot is copied over the primary one, and there
 * is no way back (MCUboot loader.c with MCUBOOT_OVERWRITE_ONLY, MCUBOOT_OVERWRITE_ONLY_FAST,
 * MCUBOOT_DOWNGRADE_PREVENTION and MCUBOOT_VALIDATE_PRIMARY_SLOT). A copy that was cut short is
 * done again from its start: the mark goes only after everything else.
 */
export const overwriteOnly: UpgradeStrategy = {
  name: 'overwrite-only',
  banner: 'Starting bootloader',
  boot: bootOverwriteOnly,
};

function bootOverwriteOnly(environment: BootEnvironment): Verdict<BootedImage> {
  readSlotHeaders(environment);
  const upgrade = upgradeRequested(environment);
  environment.log('info', `Image index: 0, Swap type: ${upgrade ?? 'none'}`);
  if (upgrade !== undefined) {
    const candidate = validateCandidate(environment);
    if (candidate !== undefined) {
      const copied = copyImage(environment, candidate);
      if (!copied.ok) environment.log('error', `Image 0 upgrade failed: ${copied.detail}`);
    }
  }
  const primary = verifySlot(environment, PRIMARY, { executesInPlace: true });
  if (!primary.ok) return noBootableImage(environment);
  return accept({ slot: PRIMARY, image: primary.value });
}

/** The first two rows of bootutil_public.c's boot_swap_tables; a revert has no meaning here. */
function upgradeRequested(environment: BootEnvironment): 'test' | 'perm' | undefined {
  const trailer = readTrailer(slotArea(environment, SECONDARY));
  if (trailer.magic !== 'good') return undefined;
  if (trailer.imageOk === 'unset') return 'test';
  return trailer.imageOk === 'set' ? 'perm' : undefined;
}

/** The secondary image, if it may replace the primary one; otherwise the slot is erased. */
function validateCandidate(environment: BootEnvironment): VerifiedImage | undefined {
  const primary = parseImageHeader(slotArea(environment, PRIMARY));
  const secondary = parseImageHeader(slotArea(environment, SECONDARY));
  if (
    primary.ok &&
    secondary.ok &&
    compareImageVersions(secondary.value.version, primary.value.version) < 0
  ) {
    environment.log('error', 'Insufficient version in secondary slot');
    eraseSlot(environment, SECONDARY);
    return undefined;
  }
  // It will run from the primary slot, so that is the address it has to be built for.
  const verified = verifySlot(environment, SECONDARY, { executesInPlace: false });
  if (verified.ok) {
    const { header } = verified.value;
    if (runsFromPrimary(environment, header.flags, header.loadAddress)) return verified.value;
    environment.log(
      'error',
      'Binary in secondary slot of image 0 is not designated for the primary slot',
    );
  }
  eraseSlot(environment, SECONDARY);
  return undefined;
}

function runsFromPrimary(
  environment: BootEnvironment,
  flags: number,
  loadAddress: number,
): boolean {
  const romFixed = (flags & IMAGE_FLAG.romFixed) !== 0;
  return !romFixed || loadAddress === slotArea(environment, PRIMARY).flashOffset;
}

/** loader.c, boot_copy_image: erase, copy, magic, counter, then forget the candidate. */
function copyImage(environment: BootEnvironment, image: VerifiedImage): Verdict<void> {
  const primary = slotArea(environment, PRIMARY);
  const secondary = slotArea(environment, SECONDARY);
  environment.log('info', 'Image 0 upgrade secondary slot -> primary slot');
  environment.log('info', 'Erasing the primary slot');
  const sizeBytes = roundUp(image.totalSizeBytes, primary.writeAlignBytes);
  const steps = [
    () => eraseRange(primary, 0, sizeBytes),
    () =>
      primary.erase(trailerSectorOffset(primary), primary.sizeBytes - trailerSectorOffset(primary)),
    () => {
      environment.log(
        'info',
        `Image 0 copying the secondary slot to the primary slot: 0x${sizeBytes.toString(16)} bytes`,
      );
      return copyBytes(secondary, primary, sizeBytes);
    },
    () => writeTrailerMagic(primary),
    () => raiseSecurityCounter(environment, image),
    () => eraseRange(secondary, 0, 1),
    () =>
      secondary.erase(
        trailerSectorOffset(secondary),
        secondary.sizeBytes - trailerSectorOffset(secondary),
      ),
  ];
  for (const step of steps) {
    const done = step();
    if (!done.ok) return done;
  }
  return DONE;
}

/** Erases the sectors that hold the range. */
function eraseRange(area: FlashArea, offset: number, lengthBytes: number): Verdict<void> {
  for (const sector of area.sectors) {
    if (sector.offset + sector.sizeBytes <= offset) continue;
    if (sector.offset >= offset + lengthBytes) break;
    const erased = area.erase(sector.offset, sector.sizeBytes);
    if (!erased.ok) return erased;
  }
  return DONE;
}

function copyBytes(from: FlashArea, to: FlashArea, sizeBytes: number): Verdict<void> {
  for (let offset = 0; offset < sizeBytes; offset += COPY_CHUNK_BYTES) {
    const length = Math.min(COPY_CHUNK_BYTES, sizeBytes - offset);
    const written = to.write(offset, from.read(offset, length));
    if (!written.ok) return written;
  }
  return DONE;
}

function roundUp(value: number, alignBytes: number): number {
  return Math.ceil(value / alignBytes) * alignBytes;
}
