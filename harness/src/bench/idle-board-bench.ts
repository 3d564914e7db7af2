import * as nodeCrypto from 'node:crypto';
import type { DeviceModelName } from '../board/device-model.js';
import type { VirtualBoardOptions } from '../board/board-options.js';
import { VirtualBoard } from '../board/virtual-board.js';
import { benchBoardOptions, benchImage, benchSigningKey } from './bench-image.js';
import { goal, type Goal } from './goal.js';

const MODELS: readonly DeviceModelName[] = ['nrf-equal', 'stm-unequal'];
const BOARDS = 1_000;
/** Boards that come and go before the count, so that compiled code is not taken for boards. */
const BOARDS_WARM = 20;
const PAYLOAD_BYTES = 256 * 1024;
const IDLE_MS = 10_000;
const GOAL_KIB = 64;
const BYTES_PER_KIB = 1024;

/** What an idle board takes, beyond the flash that all boards of its model share. */
export function benchIdleBoards(collectGarbage: () => void): readonly Goal[] {
  return MODELS.map((name) => {
    const bytes = boardBytes(name, collectGarbage);
    return goal({
      name: `idle board, ${name}`,
      measured: bytes / BYTES_PER_KIB,
      unit: 'KiB',
      bound: 'at-most',
      limit: GOAL_KIB,
      note: `${BOARDS} boards in one process, booted and ${IDLE_MS / 1_000} s idle`,
    });
  });
}

function boardBytes(name: DeviceModelName, collectGarbage: () => void): number {
  const signingKey = benchSigningKey(nodeCrypto.generateKeyPairSync('ed25519').privateKey);
  const image = benchImage({ payloadBytes: PAYLOAD_BYTES, minor: 0, signingKey });
  const options = benchBoardOptions(name, image, signingKey);
  startBoards(options, BOARDS_WARM);
  const beforeBytes = usedBytes(collectGarbage);
  const boards = startBoards(options, BOARDS);
  const afterBytes = usedBytes(collectGarbage);
  // Looked at after the count: until here all of them are alive.
  const running = boards.filter((board) => board.state.power === 'running').length;
  if (running !== BOARDS) throw new Error(`benchmark: only ${running} boards run`);
  return (afterBytes - beforeBytes) / BOARDS;
}

function startBoards(options: VirtualBoardOptions, count: number): readonly VirtualBoard[] {
  return Array.from({ length: count }, (_, seed) => {
    const board = new VirtualBoard({ ...options, seed });
    board.powerOn();
    board.advance(IDLE_MS);
    return board;
  });
}

/** `external` has the array buffers in it. */
function usedBytes(collectGarbage: () => void): number {
  // Buffers that the first collection lets go are freed by the second.
  collectGarbage();
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
