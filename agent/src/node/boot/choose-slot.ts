import { accept, boot, readImageSummary } from '@brickproof/bootloader-sim';
import type {
  BootEnvironment,
  FlashArea,
  RejectCode,
  StrategyName,
  Verdict,
} from '@brickproof/bootloader-sim';
import type { BootConfig } from '../config/device-config.js';
import { readBootId, readBootRecord, writeBootRecord } from './boot-record.js';
import type { BootRecordRejectCode } from './boot-record.js';

/** The slot that runs in this boot. */
export interface ChosenSlot {
  readonly slot: number;
  /** An earlier start of the same boot has promised a reboot. */
  readonly isRebootAsked: boolean;
}

/** What the choice is made from. */
export interface SlotChoice extends BootEnvironment {
  readonly strategy: StrategyName;
  readonly config: Pick<BootConfig, 'stateFile' | 'bootIdFile'>;
}

/**
 * MCUboot's boot decision, made once in each boot of the device: the first start of a boot makes
 * it, later ones read what was noted. Refuses `boot-no-image`, and when the boot's name cannot be
 * read or the choice cannot be noted.
 */
export function chooseSlot(
  choice: SlotChoice,
): Verdict<ChosenSlot, RejectCode | BootRecordRejectCode> {
  const { config, strategy } = choice;
  const bootId = readBootId(config.bootIdFile);
  if (!bootId.ok) return bootId;
  const noted = readBootRecord(config.stateFile);
  if (noted?.bootId === bootId.value && holdsImage(choice.slots[noted.slot])) {
    return accept({ slot: noted.slot, isRebootAsked: noted.isRebootAsked });
  }
  const booted = boot(strategy, choice);
  if (!booted.ok) return booted;
  const { slot } = booted.value;
  const record = { bootId: bootId.value, slot, isRebootAsked: false };
  const written = writeBootRecord(config.stateFile, record);
  return written.ok ? accept(record) : written;
}

/** What was noted does not count when somebody has emptied the slot since. */
function holdsImage(area: FlashArea | undefined): boolean {
  return area !== undefined && readImageSummary(area).ok;
}
