import type { Command } from 'commander';
import { createHostCrypto } from '@brickproof/agent/node';
import {
  accept,
  type AgreementKey,
  type StrategyName,
  type Verdict,
} from '@brickproof/bootloader-sim';
import { withKeyRoom, type BoardDefinition } from '../board/board-definition.js';
import { readFlashDump } from '../board/flash-dump-file.js';
import { readTrustedOrSampleKeys } from '../board/trusted-keys.js';
import { flashToJson } from '../report/flash-json.js';
import { reportFlash, type FlashToShow } from '../report/flash-report.js';
import { formatFlash } from '../report/flash-text.js';
import { paintFor } from '../report/paint.js';
import { readDecryptionKey } from './agreement-key-file.js';
import { boardOption, readBoardFlag, strategyOption } from './board-flag.js';
import { addGroup, addVerb } from './command-tree.js';
import { EXIT } from './exit-status.js';
import { failed, held, report, tell, type CliOutcome } from './outcome.js';

interface FlashShowFlags {
  readonly board: string;
  readonly strategy?: StrategyName;
  readonly key?: readonly string[];
  readonly decrypt?: string;
}

/** Adds `flash` with its verb: dumps of a board's flash as files. */
export function registerFlashCommand(program: Command): void {
  const flash = addGroup(program, 'flash', 'look at dumps of a flash');
  const show = addVerb(flash, {
    usage: 'show <dump>',
    description:
      'draw slots, headers, TLVs and trailers, and say what the bootloader would do next; the ' +
      'dump is all of the flash, as raw bytes or Intel HEX, and nothing in it is changed',
    example: 'brickproof flash show dump.bin --board board.yaml --strategy swap-using-move',
  })
    .addOption(boardOption().makeOptionMandatory())
    .addOption(strategyOption('how the bootloader upgrades (default: what the board says)'))
    .option(
      '--key <pem>',
      'a key it trusts; may be given again (default: the test keys of the samples)',
      (path: string, others: readonly string[] | undefined) => [...(others ?? []), path],
    )
    .option('--decrypt <pem>', 'the key that it decrypts images with');
  show.action(async (dump: string, flags: FlashShowFlags) => {
    const { json } = show.optsWithGlobals<{ readonly json?: boolean }>();
    report(show, await showFlash(dump, flags, json === true));
  });
}

async function showFlash(
  dump: string,
  flags: FlashShowFlags,
  asJson: boolean,
): Promise<CliOutcome> {
  const named = await readBoardFlag(flags.board, { strategy: flags.strategy, asJson });
  if (!named.ok) return named.outcome;
  const shown = readFlash(dump, named.board, flags);
  if (!shown.ok) return failed(EXIT.usage, shown.code, shown.detail);
  const found = reportFlash(shown.value);
  return held(flashToJson(found), formatFlash(found, paintFor(process.stdout, process.env)));
}

/** Everything that a flash is shown with, from files. */
function readFlash(
  path: string,
  board: BoardDefinition,
  flags: FlashShowFlags,
): Verdict<FlashToShow, string> {
  const dump = readFlashDump(path, board);
  if (!dump.ok) return dump;
  for (const note of dump.value.notes) tell(note);
  const keys = readTrustedOrSampleKeys(flags.key ?? []);
  if (!keys.ok) return keys;
  const decryptionKey: Verdict<AgreementKey | undefined, string> =
    flags.decrypt === undefined ? accept(undefined) : readDecryptionKey(flags.decrypt);
  if (!decryptionKey.ok) return decryptionKey;
  return accept({
    board: decryptionKey.value === undefined ? board : withKeyRoom(board),
    snapshot: dump.value.snapshot,
    keys: keys.value,
    crypto: createHostCrypto(),
    decryptionKey: decryptionKey.value,
    counters: dump.value.counters ?? board.counters,
  });
}
