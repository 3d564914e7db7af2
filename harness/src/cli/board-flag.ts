import { Option } from 'commander';
import { STRATEGY_NAMES, type StrategyName } from '@brickproof/bootloader-sim';
import type { BoardDefinition } from '../board/board-definition.js';
import { DEVICE_MODEL_NAMES } from '../board/device-model.js';
import { loadBoard } from '../board/load-board.js';
import { EXIT } from './exit-status.js';
import { failed, type CliOutcome } from './outcome.js';

/** A board that was named, or what is wrong with it. */
export type NamedBoard =
  | { readonly ok: true; readonly board: BoardDefinition }
  | { readonly ok: false; readonly outcome: CliOutcome };

/** `--board`: what every command means by it. */
export function boardOption(): Option {
  const models = DEVICE_MODEL_NAMES.join(', ');
  return new Option('--board <file|model>', `the board: a board file, or one of ${models}`);
}

/** `--strategy`, which goes before what a board file says. */
export function strategyOption(text: string): Option {
  return new Option('--strategy <name>', text).choices(STRATEGY_NAMES);
}

/** Reads the board that people named. What is wrong with a board file is told line by line. */
export async function readBoardFlag(
  name: string,
  options: { readonly strategy: StrategyName | undefined; readonly asJson: boolean },
): Promise<NamedBoard> {
  const board = await loadBoard(name, options.strategy);
  if (board.ok) return { ok: true, board: board.value };
  const lines = board.detail.split('\n');
  if (lines.length > 1 && !options.asJson) process.stderr.write(`${board.detail}\n`);
  const sentence = lines.length === 1 ? board.detail : `${name} has ${lines.length} problems`;
  const outcome = failed(EXIT.usage, board.code, sentence);
  return { ok: false, outcome: { ...outcome, json: { ...outcome.json, problems: lines } } };
}
