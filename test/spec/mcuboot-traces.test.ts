import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { STRATEGY_NAMES } from '@brickproof/bootloader-sim';
import type { TestBoard } from '../bootloader-sim/boot/test-board.js';
import { traceBoard, type TraceDescription } from './mcuboot-trace-board.js';

/**
 * What MCUboot itself did on a board: its commit 2d4bacc3, built for Linux with its flash in memory,
 * Ed25519, MCUBOOT_OVERWRITE_ONLY_FAST, MCUBOOT_DIRECT_XIP_REVERT. One boot was recorded, cut after
 * each number of operations, with the boot that followed. An operation is one flash_area_write, or
 * the erase of one sector. Flash is told by the first eight hexadecimal digits of its SHA-256.
 */
interface Trace extends TraceDescription {
  readonly operations: number;
  /** The flash after 0, 1, 2, ... operations, one behind the other. */
  readonly cuts: string;
  /** The flash after the boot that followed; each one, but for those after these cuts. */
  readonly end: string;
  readonly otherEnds?: Readonly<Record<string, string>>;
  /** After these cuts MCUboot went wrong, which is no example: `end` is what is right. */
  readonly endsOfMcubootAlone?: Readonly<Record<string, string>>;
}

interface Recording {
  readonly mcuboot: string;
  /** Why MCUboot went wrong where it did. */
  readonly endsOfMcubootAlone: string;
  readonly boards: readonly Trace[];
}

const DIGITS = 8;
const FILE = fileURLToPath(new URL('./mcuboot-traces.json', import.meta.url));
const RECORDING = JSON.parse(readFileSync(FILE, 'utf8')) as Recording;

function flashOf(board: TestBoard): string {
  return board.flashHash().slice(0, DIGITS);
}

/** The flash at the end, with `refused` before it when nothing boots. */
function endOf(board: TestBoard): string {
  return board.boot().ok ? flashOf(board) : `refused ${flashOf(board)}`;
}

describe.each(RECORDING.boards)(
  '$strategy, alignment $align, erased to $erased, $request of images of $images bytes',
  (trace) => {
    it('does the same operations as MCUboot, and ends the same after a cut at each of them', () => {
      const board = traceBoard(trace);
      const start = board.flash.snapshot();
      expect(board.bootOperations().length).toBe(trace.operations);
      const flashes: string[] = [];
      const otherEnds: Record<string, string> = {};
      for (let cut = 0; cut <= trace.operations; cut += 1) {
        board.flash.restore(start);
        expect(board.bootCutAfter(cut)).toBe(cut < trace.operations);
        flashes.push(flashOf(board));
        const end = cut < trace.operations ? endOf(board) : flashOf(board);
        if (end !== trace.end) otherEnds[cut] = end;
      }
      expect(flashes.join('')).toBe(trace.cuts);
      expect(otherEnds).toEqual(trace.otherEnds ?? {});
    });
  },
);

describe('the recording', () => {
  it('is of the MCUboot that the strategies follow, and of all of them', () => {
    expect(RECORDING.mcuboot).toBe('2d4bacc3');
    const strategies = new Set(RECORDING.boards.map(({ strategy }) => strategy));
    expect(strategies).toEqual(new Set(STRATEGY_NAMES));
  });

  it('has every alignment with both erased values, and more than one image', () => {
    const kinds = new Set(RECORDING.boards.map(({ align, erased }) => `${align} ${erased}`));
    expect(kinds.size).toBe(12);
    expect(RECORDING.boards.some(({ images }) => images.length > 1)).toBe(true);
  });

  // Above, `end` was what the strategy came to after these cuts too.
  it.each(RECORDING.boards.filter((trace) => trace.endsOfMcubootAlone !== undefined))(
    'shows MCUboot going wrong in the last sector: $strategy, images of $images bytes',
    ({ strategy, operations, end, endsOfMcubootAlone = {} }) => {
      expect(strategy).toBe('swap-using-offset');
      for (const [cut, wrong] of Object.entries(endsOfMcubootAlone)) {
        expect(wrong).not.toBe(end);
        // The new image goes to the primary slot, an entry is written, and copy-done.
        expect(operations - Number(cut)).toBeLessThanOrEqual(5);
      }
    },
  );
});
