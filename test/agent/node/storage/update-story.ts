import { equalBytes, readTrailer, type StrategyName } from '@brickproof/bootloader-sim';
import {
  DiskDevice,
  NEW_IMAGE,
  PACKET_BYTES,
  SECTOR_BYTES,
  SLOT_PATHS,
  openSlots,
} from './disk-device.js';
import { DiskPowerCut } from './volatile-file-system.js';
import type { DiskTroubles, Loss, VolatileFileSystem } from './volatile-file-system.js';

/** How far an update comes, in this order: what was begun, and what the device has answered. */
const STAGES = [
  'starting',
  'uploading',
  'marking',
  'restarting',
  'on-trial',
  'confirming',
  'confirmed',
  'done',
] as const;

export type Stage = (typeof STAGES)[number];

/** What a person knows of an update when the power goes. */
export interface Progress {
  stage: Stage;
  /** The offset that the device answered last. */
  uploadedBytes: number;
}

/** So often the power goes before an update is left in peace. */
const CUTS_IN_A_ROW = 4;
/** Somewhat less than an update has operations: some recoveries come to their end. */
const OPERATIONS_BETWEEN_CUTS_MAX = 70;

/** Runs an update from wherever the disk stands to its end, and notes how far it is. */
export function runUpdate(
  disk: VolatileFileSystem,
  strategy: StrategyName,
  progress: Progress,
): void {
  let device = new DiskDevice(disk, strategy);
  if (device.running.version === 1) {
    bringNewImage(device, progress);
    progress.stage = 'restarting';
    device = new DiskDevice(disk, strategy, ({ isConfirmed }) => {
      if (!isConfirmed) progress.stage = 'on-trial';
    });
  }
  if (!device.running.isConfirmed) {
    progress.stage = 'confirming';
    device.confirm();
  }
  progress.stage = 'confirmed';
  const { version, isConfirmed } = new DiskDevice(disk, strategy).running;
  if (version !== 2 || !isConfirmed) {
    throw new Error(`version ${version} runs in the end, confirmed: ${isConfirmed}`);
  }
  progress.stage = 'done';
}

function bringNewImage(device: DiskDevice, progress: Progress): void {
  if (!device.images().some(({ pending }) => pending)) {
    progress.stage = 'uploading';
    device.upload(NEW_IMAGE, (off) => {
      progress.uploadedBytes = off;
    });
    progress.stage = 'marking';
    device.test('2.0.0');
  }
  device.askReset();
  if (!device.isResetAsked) throw new Error('no reset was asked for');
}

/** Runs an update until it ends or the power goes. */
export function runUntilCut(
  disk: VolatileFileSystem,
  strategy: StrategyName,
  troubles: DiskTroubles,
): { readonly progress: Progress; readonly isCut: boolean } {
  const progress: Progress = { stage: 'starting', uploadedBytes: 0 };
  disk.troubles = troubles;
  try {
    runUpdate(disk, strategy, progress);
    return { progress, isCut: false };
  } catch (error) {
    if (!(error instanceof DiskPowerCut)) throw error;
    return { progress, isCut: true };
  }
}

/** When the power goes during an update. */
export interface Cut {
  readonly strategy: StrategyName;
  readonly cutAt: number;
  readonly ignoredSyncs?: ReadonlySet<number>;
}

/**
 * Cuts the power during an update. For each loss the device then recovers on its own and finishes
 * the update. Answers each promise that was broken, and nothing when all were kept.
 */
export function promisesBroken(
  factory: VolatileFileSystem,
  cut: Cut,
  losses: readonly Loss[],
): readonly string[] {
  const { strategy, cutAt, ignoredSyncs = new Set() } = cut;
  const disk = factory.afterPowerCut('nothing');
  const { progress, isCut } = runUntilCut(disk, strategy, { cutAt, ignoredSyncs });
  if (!isCut) throw new RangeError(`an update has no operation ${cutAt}`);
  return losses.flatMap((loss) => {
    const broken = brokenByLoss(disk.afterPowerCut(loss), strategy, progress);
    const told = `cut at ${cutAt}, ${progress.stage}, loss ${JSON.stringify(loss)}`;
    return broken === undefined ? [] : [`${told}: ${broken}`];
  });
}

function brokenByLoss(
  disk: VolatileFileSystem,
  strategy: StrategyName,
  progress: Progress,
): string | undefined {
  try {
    return brokenAfterRestart(disk, strategy, progress);
  } catch (error) {
    // The device did not start, or did not take the update.
    return error instanceof Error ? error.message : 'something was thrown';
  }
}

function brokenAfterRestart(
  disk: VolatileFileSystem,
  strategy: StrategyName,
  progress: Progress,
): string | undefined {
  const { stage } = progress;
  if (isFrom(stage, 'marking') && !isFrom(stage, 'restarting') && !holdsNewImage(disk)) {
    return 'an image is lost that was said to be whole';
  }
  const allowed = versionsAllowed(stage, strategy === 'direct-xip' && hasTrialBegun(disk));
  const device = new DiskDevice(disk, strategy);
  const { version, isConfirmed } = device.running;
  if (!allowed.includes(version)) return `version ${version} runs`;
  if (isFrom(stage, 'marking') && device.isUploadOpen) return 'the upload is open again';
  if (isFrom(stage, 'confirmed') && !isConfirmed) return 'the image is on trial again';
  if (stage === 'uploading' && !resumesWhereItWas(device, progress)) return 'sectors are lost';
  // A start may have used the trial up; the update must come through all the same.
  runUpdate(disk, strategy, { stage: 'starting', uploadedBytes: 0 });
  return undefined;
}

function holdsNewImage(disk: VolatileFileSystem): boolean {
  const slot = disk.contents(SLOT_PATHS[1])?.subarray(0, NEW_IMAGE.bytes.byteLength);
  return slot !== undefined && equalBytes(slot, NEW_IMAGE.bytes);
}

/** All but the sector that was being written is kept; the last packet may begin everything anew. */
function resumesWhereItWas(device: DiskDevice, { uploadedBytes }: Progress): boolean {
  if (uploadedBytes + PACKET_BYTES >= NEW_IMAGE.bytes.byteLength) return true;
  const sectors = Math.floor((uploadedBytes - 1) / SECTOR_BYTES);
  if (sectors < 1) return true;
  return device.sendPacket(NEW_IMAGE, 0).off >= sectors * SECTOR_BYTES;
}

function isFrom(stage: Stage, other: Stage): boolean {
  return STAGES.indexOf(stage) >= STAGES.indexOf(other);
}

/** Whether the new image was chosen to boot once, as the disk has it. */
function hasTrialBegun(disk: VolatileFileSystem): boolean {
  return readTrailer(openSlots(disk)[1]).copyDone !== 'unset';
}

/** What may run after a cut in this stage. */
function versionsAllowed(stage: Stage, isTrialOver: boolean): readonly number[] {
  switch (stage) {
    case 'starting':
    case 'uploading':
      return [1];
    case 'marking':
    case 'confirming':
      return [1, 2];
    case 'restarting':
      // A trial that had begun to start is over; a copy that had begun is done again.
      return isTrialOver ? [1] : [2];
    case 'on-trial':
      // It has had its one trial, and did not confirm itself.
      return [1];
    case 'confirmed':
    case 'done':
      return [2];
  }
}

/** How far an update comes when the power goes several times in a row, also while recovering. */
export function stageAfterManyCuts(
  factory: VolatileFileSystem,
  strategy: StrategyName,
  random: () => number,
): Stage {
  let disk = factory.afterPowerCut('nothing');
  for (let count = 0; count < CUTS_IN_A_ROW; count += 1) {
    const cutAt = Math.floor(random() * OPERATIONS_BETWEEN_CUTS_MAX);
    runUntilCut(disk, strategy, { cutAt });
    // Now and then only the process is killed: then the disk forgets nothing yet.
    if (random() < 0.7) disk = disk.afterPowerCut({ seed: Math.floor(random() * 0x7fff_ffff) });
  }
  return runUntilCut(disk, strategy, {}).progress.stage;
}
