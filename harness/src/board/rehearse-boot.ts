import {
  NorFlash,
  OtpCounters,
  boot,
  equalBytes,
  readTrailer,
  type AgreementKey,
  type BootEnvironment,
  type BootLogLevel,
  type BootOutcome,
  type CryptoProvider,
  type FlashSnapshot,
  type Verdict,
  type VerificationKey,
} from '@brickproof/bootloader-sim';
import type { BoardDefinition, FactoryCounters } from './board-definition.js';
import { dividedFor } from './device-model.js';
import { bootLayoutOf, flashMapOf } from './provision.js';

/** Whom a bootloader trusts, and what its counters are at. */
export interface BootTrust {
  readonly keys: readonly VerificationKey[];
  readonly crypto: CryptoProvider;
  readonly decryptionKey: AgreementKey | undefined;
  /** Undefined: not known, so that no counter is asked for. */
  readonly counters: FactoryCounters | undefined;
}

/** One line of the bootloader's log. */
export interface BootLogLine {
  readonly level: BootLogLevel;
  readonly text: string;
}

/** What a bootloader would do with a flash at its next start. */
export interface NextBoot {
  readonly booted: Verdict<BootOutcome>;
  readonly erases: number;
  readonly writes: number;
  readonly log: readonly BootLogLine[];
  /** What starts at the boot after, if nobody confirms what runs; undefined where nothing does. */
  readonly unconfirmed: Verdict<BootOutcome> | undefined;
  /** Whether that is another image, or none. */
  readonly isTrial: boolean;
  /** Whether what runs is confirmed; an image that was flashed without a trailer is not. */
  readonly isConfirmed: boolean;
}

/** What a bootloader finds when it starts on a flash. */
export function bootEnvironmentOf(
  board: BoardDefinition,
  flash: NorFlash,
  trust: BootTrust,
): BootEnvironment {
  const { keys, crypto, decryptionKey, counters } = trust;
  const model = dividedFor(board.model, board.strategy);
  const layout = bootLayoutOf(flashMapOf(flash, model), board.bootSettings);
  const values = counters === 'none' ? undefined : counters;
  return {
    ...layout,
    keys,
    crypto,
    decryptionKey,
    // A counter for each image, also where fewer are known.
    counters: values && new OtpCounters(layout.images.map((_, index) => values[index] ?? 0)),
    log: () => undefined,
  };
}

/**
 * Lets the bootloader start on a copy of a flash, and tells what it did. The board must be one that
 * `checkBoardStrategy` accepts; the bytes may be anything.
 */
export function rehearseBoot(
  board: BoardDefinition,
  snapshot: FlashSnapshot,
  trust: BootTrust,
): NextBoot {
  const flash = new NorFlash(snapshot);
  const log: BootLogLine[] = [];
  const environment = {
    ...bootEnvironmentOf(board, flash, trust),
    log: (level: BootLogLevel, text: string) => log.push({ level, text }),
  };
  const booted = boot(board.strategy, environment);
  const { erases, writes } = flash.statistics;
  const rehearsed = { booted, erases, writes, log: log.slice() };
  if (!booted.ok) {
    return { ...rehearsed, unconfirmed: undefined, isTrial: false, isConfirmed: false };
  }
  const isConfirmed = isConfirmedIn(environment, booted.value);
  const unconfirmed = boot(board.strategy, environment);
  const isTrial = !unconfirmed.ok || !isSameImage(unconfirmed.value, booted.value);
  return { ...rehearsed, unconfirmed, isTrial, isConfirmed };
}

function isConfirmedIn({ images }: BootEnvironment, { slot }: BootOutcome): boolean {
  const area = images[0]?.[slot === 0 ? 0 : 1];
  if (area === undefined) return false;
  const { magic, imageOk } = readTrailer(area);
  return magic === 'good' && imageOk === 'set';
}

function isSameImage(a: BootOutcome, b: BootOutcome): boolean {
  return a.slot === b.slot && equalBytes(a.image.hash, b.image.hash);
}
