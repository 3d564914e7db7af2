import {
  NorFlash,
  describeFlash,
  publicKeyHash,
  type AgreementKey,
  type CryptoProvider,
  type FlashDescription,
  type FlashSnapshot,
} from '@brickproof/bootloader-sim';
import {
  checkBoardStrategy,
  type BoardDefinition,
  type FactoryCounters,
} from '../board/board-definition.js';
import { dividedFor } from '../board/device-model.js';
import { bootEnvironmentOf, rehearseBoot, type NextBoot } from '../board/rehearse-boot.js';
import type { TrustedKey } from '../board/trusted-keys.js';
import { areaUses, type AreaUse } from './area-use.js';

/** A flash that is to be shown, and the board that it belongs to. */
export interface FlashToShow {
  readonly board: BoardDefinition;
  readonly snapshot: FlashSnapshot;
  /** Whom the bootloader trusts; without any, signatures are not checked. */
  readonly keys: readonly TrustedKey[];
  readonly crypto: CryptoProvider;
  readonly decryptionKey: AgreementKey | undefined;
  readonly counters: FactoryCounters | undefined;
}

/** A trusted key with the hash by which images name it. */
export interface KnownKey {
  readonly name: string;
  readonly hash: Uint8Array;
}

/** What there is to see in a flash. */
export interface FlashReport {
  readonly board: BoardDefinition;
  readonly counters: FactoryCounters | undefined;
  readonly keys: readonly KnownKey[];
  /** Why MCUboot cannot be built so; swaps are then not shown, and nothing is upgraded. */
  readonly unbuildable: string | undefined;
  readonly areas: readonly AreaUse[];
  readonly flash: FlashDescription;
  /** Undefined where MCUboot cannot be built. */
  readonly next: NextBoot | undefined;
}

/** Looks at a flash as its bootloader would. Nothing is refused: the bytes may be anything. */
export function reportFlash(shown: FlashToShow): FlashReport {
  const { board, snapshot, keys, crypto, counters, decryptionKey } = shown;
  const trust = { keys: keys.map(({ key }) => key), crypto, counters, decryptionKey };
  const checked = checkBoardStrategy(board);
  const readAs = checked.ok ? board : asSlotsOnly(board);
  const environment = bootEnvironmentOf(readAs, new NorFlash(snapshot), trust);
  return {
    board,
    counters,
    keys: keys.map(({ name, key }) => ({ name, hash: publicKeyHash(key, crypto) })),
    unbuildable: checked.ok ? undefined : checked.detail,
    areas: areaUses(dividedFor(board.model, board.strategy), snapshot),
    flash: describeFlash(readAs.strategy, environment),
    next: checked.ok ? rehearseBoot(board, snapshot, trust) : undefined,
  };
}

/** The strategy that every board can be built for: headers and flags lie where they always do. */
function asSlotsOnly(board: BoardDefinition): BoardDefinition {
  const model = dividedFor(board.model, board.strategy);
  return { ...board, model, strategy: 'direct-xip', bootSettings: {} };
}
