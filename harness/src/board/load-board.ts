import { formatProblem } from '@brickproof/agent/node';
import { accept, reject, type StrategyName, type Verdict } from '@brickproof/bootloader-sim';
import { readFileText } from '../cli/files.js';
import { builtInBoard, type BoardDefinition, type BoardRejectCode } from './board-definition.js';
import { DEVICE_MODEL_NAMES } from './device-model.js';

/**
 * The board that people name with `--board`: a built-in model, or a board file. Refuses
 * `board-unknown`, and `board-file-invalid` with a line for each problem.
 */
export async function loadBoard(
  name: string,
  strategy?: StrategyName,
): Promise<Verdict<BoardDefinition, BoardRejectCode>> {
  const model = DEVICE_MODEL_NAMES.find((known) => known === name);
  if (model !== undefined) return accept(builtInBoard(model, strategy));
  const text = readFileText(name);
  if (!text.ok) {
    const models = DEVICE_MODEL_NAMES.join(' or ');
    return reject('board-unknown', `${text.detail}, or name a model: ${models}`);
  }
  // YAML and schemas take a while to load; a built-in model does without.
  const { readBoardConfig } = await import('./board-config.js');
  const read = readBoardConfig(text.value, name, strategy);
  if (!read.ok) {
    const lines = read.problems.map((problem) => formatProblem(name, problem));
    return reject('board-file-invalid', lines.join('\n'));
  }
  return accept(read.board);
}
