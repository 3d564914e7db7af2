import { accept, boot, reject } from '@brickproof/bootloader-sim';
import type {
  BootEnvironment,
  RejectCode,
  SlotPair,
  StrategyName,
  Verdict,
} from '@brickproof/bootloader-sim';
import type { BootConfig } from '../config/device-config.js';
import { noteBootBegun, readBootId, readBootRecord, writeBootRecord } from './boot-record.js';
import type { BootRecord, BootRecordRejectCode } from './boot-record.js';
import { probeSlots } from './probe-slots.js';
import type { ProbedSlots, SlotFinding } from './probe-slots.js';

/** The slot that runs in this boot. */
export interface ChosenSlot {
  readonly record: BootRecord;
  /** An earlier start of the same boot had chosen already. */
  readonly isSameBoot: boolean;
  /** The slots to work with; one that cannot be read takes no change. */
  readonly slots: SlotPair;
}

/** What the choice is made from. */
export interface SlotChoice extends Omit<BootEnvironment, 'images'> {
  readonly slots: SlotPair;
  readonly strategy: StrategyName;
  readonly config: Pick<BootConfig, 'stateFile' | 'bootIdFile'>;
}

/** Why no slot is chosen. */
export type SlotChoiceRejectCode = RejectCode | BootRecordRejectCode | 'slot-read-failed';

/**
 * MCUboot's boot decision, made once in each boot of the device: the first start of a boot makes
 * it, later ones read what was noted. Where no image may run, nothing is decided and so nothing is
 * erased: a key or a rule that was configured wrongly must not cost the device its images. Refuses
 * `boot-no-image` and `slot-read-failed`, and when the boot's name cannot be read or the choice
 * cannot be noted.
 */
export function chooseSlot(choice: SlotChoice): Verdict<ChosenSlot, SlotChoiceRejectCode> {
  const { config } = choice;
  const bootId = readBootId(config.bootIdFile);
  if (!bootId.ok) return bootId;
  const probed = probeSlots(choice);
  reportFindings(choice, probed);
  const noted = readBootRecord(config.stateFile);
  if (noted?.bootId === bootId.value && holdsSomething(probed.findings[noted.slot])) {
    const record = { ...noted, starts: noted.starts + 1 };
    const written = writeBootRecord(config.stateFile, record);
    if (!written.ok) choice.log('warning', written.detail);
    return accept({ record, isSameBoot: true, slots: probed.slots });
  }
  if (!probed.findings.some((finding) => finding.ok)) return refuseAll(probed.findings);
  return decide(choice, bootId.value, probed.slots);
}

function decide(
  choice: SlotChoice,
  bootId: string,
  slots: SlotPair,
): Verdict<ChosenSlot, SlotChoiceRejectCode> {
  const { stateFile } = choice.config;
  // A choice that cannot be noted would be made again by the next start, and end a trial.
  const begun = noteBootBegun(stateFile, bootId);
  if (!begun.ok) return begun;
  const booted = boot(choice.strategy, { ...choice, images: [slots] });
  if (!booted.ok) return booted;
  const record = { bootId, slot: booted.value.slot, isRebootAsked: false, starts: 1 };
  const written = writeBootRecord(stateFile, record);
  if (!written.ok) choice.log('warning', written.detail);
  return accept({ record, isSameBoot: false, slots });
}

/** What was noted does not count when somebody has emptied the slot since. */
function holdsSomething(finding: SlotFinding | undefined): boolean {
  return finding !== undefined && (finding.ok || finding.code !== 'image-bad-magic');
}

function reportFindings(choice: SlotChoice, { findings }: ProbedSlots): void {
  for (const [slot, finding] of findings.entries()) {
    if (finding.ok || finding.code !== 'slot-read-failed') continue;
    choice.log('error', `slot ${slot} is left alone: ${finding.detail}`);
  }
}

function refuseAll(
  findings: readonly [SlotFinding, SlotFinding],
): Verdict<never, SlotChoiceRejectCode> {
  const why = findings.map((finding, slot) => {
    return finding.ok ? '' : `slot ${slot}: ${finding.code}, ${finding.detail}`;
  });
  const isUnread = findings.some((finding) => !finding.ok && finding.code === 'slot-read-failed');
  const detail = `neither slot holds an image that may run (${why.join('; ')})`;
  return reject(isUnread ? 'slot-read-failed' : 'boot-no-image', detail);
}
