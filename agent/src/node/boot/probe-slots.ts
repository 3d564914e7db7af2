import { maxImageSizeBytes, readTrailer, reject, verifyImage } from '@brickproof/bootloader-sim';
import type {
  BootEnvironment,
  FlashArea,
  ImageRejectCode,
  SlotPair,
  StrategyName,
  VerifiedImage,
  Verdict,
} from '@brickproof/bootloader-sim';
import { SlotReadFailure } from '../storage/file-flash-area.js';
import { UnreadableSlot } from '../storage/unreadable-slot.js';

/** What a slot holds: an image that may run, one that may not, or what the disk does not tell. */
export type SlotFinding = Verdict<VerifiedImage, ImageRejectCode | 'slot-read-failed'>;

/** What slots are judged by. */
export interface SlotProbe extends Pick<BootEnvironment, 'keys' | 'crypto' | 'counters'> {
  readonly slots: SlotPair;
  readonly strategy: StrategyName;
}

/** Both slots as the boot decision will judge their images; nothing is changed. */
export interface ProbedSlots {
  readonly findings: readonly [SlotFinding, SlotFinding];
  /** The slots to decide upon: one that cannot be read is replaced by a stand-in. */
  readonly slots: SlotPair;
}

/** Verifies what lies in both slots. */
export function probeSlots(probe: SlotProbe): ProbedSlots {
  const [primary, secondary] = probe.slots;
  // What overwriting installs runs from the primary slot.
  const secondaryRunsAt = probe.strategy === 'direct-xip' ? secondary : primary;
  const findings = [
    probeSlot(probe, primary, primary.flashOffset),
    probeSlot(probe, secondary, secondaryRunsAt.flashOffset),
  ] as const;
  const usable = (area: FlashArea, finding: SlotFinding): FlashArea =>
    !finding.ok && finding.code === 'slot-read-failed' ? new UnreadableSlot(area) : area;
  return { findings, slots: [usable(primary, findings[0]), usable(secondary, findings[1])] };
}

function probeSlot(probe: SlotProbe, area: FlashArea, runsAtOffset: number): SlotFinding {
  const policy = {
    keys: probe.keys,
    maxImageSizeBytes: maxImageSizeBytes(area),
    minimumSecurityCounter: probe.counters?.read(0),
    slotAddress: runsAtOffset,
  };
  try {
    readTrailer(area);
    return verifyImage(area, policy, probe.crypto);
  } catch (error) {
    if (!(error instanceof SlotReadFailure)) throw error;
    return reject('slot-read-failed', error.message);
  }
}
