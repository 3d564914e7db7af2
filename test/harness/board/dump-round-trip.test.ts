import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeSmpMessage, decodeSmpMessage, type SmpBody } from '@brickproof/agent';
import type { FlashSnapshot } from '@brickproof/bootloader-sim';
import {
  VirtualBoard,
  builtInBoard,
  checkBoardStrategy,
  createHostCrypto,
  loadVerificationKey,
  provisionFlash,
  readFlashDump,
  reportFlash,
  saveFlashDump,
  type BoardDefinition,
  type FactoryCounters,
  type FlashReport,
} from '@brickproof/harness';
import { readBoard } from './board-text.js';

const SAMPLES = fileURLToPath(new URL('../../../firmware-samples', import.meta.url));
const OLD = readFileSync(join(SAMPLES, 'nrf-equal', 'good-1.0.0-imgtool.bin'));
const NEW = readFileSync(join(SAMPLES, 'nrf-equal', 'good-1.1.0-imgtool.bin'));
const CRYPTO = createHostCrypto();
const CHUNK_BYTES = 4_000;

const BOARDS: readonly (readonly [string, BoardDefinition])[] = [
  ['nrf-equal, swap-using-offset', builtInBoard('nrf-equal', 'swap-using-offset')],
  ['nrf-equal, swap-using-move', builtInBoard('nrf-equal', 'swap-using-move')],
  ['nrf-equal, swap-using-scratch', builtInBoard('nrf-equal', 'swap-using-scratch')],
  ['stm-unequal, swap-using-scratch', builtInBoard('stm-unequal', 'swap-using-scratch')],
  [
    'logical sectors of 8 KiB',
    readBoard(
      'model: nrf-equal\n' +
        'areas: { slot0: { offset: 0xc000, size: 0x74000 }, slot1: { offset: 0x82000, size: 0x74000 } }\n' +
        'bootloader: { strategy: swap-using-offset, logical-sector-size: 8KiB }\n',
    ),
  ],
  [
    'flash that is erased to 0x00, in words of 16',
    readBoard(
      'model: nrf-equal\nflash: { write-alignment: 16, erased-value: 0x00 }\n' +
        'bootloader: { strategy: swap-using-move }\n',
    ),
  ],
];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'brickproof-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function sampleKey(): Parameters<typeof reportFlash>[0]['keys'][number] {
  const pem = readFileSync(join(SAMPLES, 'keys', 'test-key-ed25519.pem'), 'utf8');
  const key = loadVerificationKey(pem);
  if (!key.ok) throw new Error(key.detail);
  return { name: 'test-key-ed25519.pem', key: key.value };
}

const KEY = sampleKey();

function start(
  board: BoardDefinition,
  flash: FlashSnapshot,
  securityCounter: FactoryCounters,
): VirtualBoard {
  const made = new VirtualBoard({
    model: board.model,
    strategy: board.strategy,
    bootSettings: board.bootSettings,
    keys: [KEY.key],
    crypto: CRYPTO,
    flash,
    seed: 1,
    securityCounter,
  });
  made.powerOn();
  made.advance(500);
  return made;
}

function ask(b: VirtualBoard, group: number, command: number, body: SmpBody): SmpBody {
  const request = { version: 2, sequence: 1, op: 'write', group, command, body } as const;
  const answer = b.datagramReceive(encodeSmpMessage(request));
  const decoded = answer === undefined ? undefined : decodeSmpMessage(answer);
  if (decoded?.ok !== true) throw new Error(`no answer to ${group}:${command}`);
  return decoded.value.body;
}

/** Uploads the new image over SMP and asks for a test of it. */
function offer(b: VirtualBoard): void {
  const sha = CRYPTO.sha256();
  sha.update(NEW);
  const first = { len: NEW.byteLength, sha: sha.digest() };
  for (let off = 0; off < NEW.byteLength; off += CHUNK_BYTES) {
    const data = NEW.subarray(off, off + CHUNK_BYTES);
    ask(b, 1, 1, { off, data, ...(off === 0 ? first : {}) });
  }
  const hash = Uint8Array.from(Buffer.from(hashOf(NEW), 'hex'));
  expect(ask(b, 1, 0, { hash, confirm: false })).toHaveProperty('images');
}

/** The SHA-256 TLV of a sample, from the list of the samples. */
function hashOf(image: Uint8Array): string {
  const end = Buffer.from(image).indexOf(Buffer.from([0x10, 0x00, 0x20, 0x00]), 270_000);
  return Buffer.from(image.subarray(end + 4, end + 36)).toString('hex');
}

function save(name: string, b: VirtualBoard): string {
  const path = join(folder, name.replace(/\W+/g, '-'));
  const saved = saveFlashDump(path, { flash: b.flash, counters: b.securityCounters });
  if (!saved.ok) throw new Error(saved.detail);
  return path;
}

function load(
  path: string,
  board: BoardDefinition,
): { report: FlashReport; started: VirtualBoard } {
  const dump = readFlashDump(path, board);
  if (!dump.ok) throw new Error(dump.detail);
  const { snapshot, counters = 'none' } = dump.value;
  const report = reportFlash({
    board,
    snapshot,
    counters,
    keys: [KEY],
    crypto: CRYPTO,
    decryptionKey: undefined,
  });
  return { report, started: start(board, snapshot, counters) };
}

describe.each(BOARDS)('a board that is saved in the middle of a swap: %s', (name, board) => {
  it('is one that MCUboot can be built for', () => {
    expect(checkBoardStrategy(board)).toMatchObject({ ok: true });
  });

  it('is shown as what it is, and finishes the swap when it starts from its dump', () => {
    const factory = provisionFlash(board.model, OLD, { strategy: board.strategy });
    if (!factory.ok) throw new Error(factory.detail);
    const first = start(board, factory.value, [0]);
    expect(first.state.version).toBe('1.0.0+0');
    offer(first);
    // Of the operations that the swap takes, as told before it begins, half.
    const foretold = load(save(name, first), board).report.next;
    const operations = (foretold?.erases ?? 0) + (foretold?.writes ?? 0);
    expect(operations).toBeGreaterThan(300);
    first.cutPowerAfter(Math.floor(operations / 2));
    first.reset();
    first.advance(100);
    expect(first.state.power).toBe('off');

    const { report, started } = load(save(name, first), board);
    const swap = report.flash.images[0]?.swap;
    expect(swap).toMatchObject({ swapType: 'test', canResume: true });
    expect(swap?.swapped).toBeLessThan(swap?.turns ?? 0);
    expect(report.next?.isTrial).toBe(true);
    expect(started.state).toMatchObject({ version: '1.1.0+0', trial: 'testing' });
    started.advance(2_000);
    expect(started.state.trial).toBe('confirmed');

    const again = load(save(name, started), board);
    expect(again.report.counters).toEqual([1]);
    expect(again.report.next).toMatchObject({ isTrial: false, isConfirmed: true });
    expect(again.started.state).toMatchObject({ version: '1.1.0+0', trial: 'idle' });
  });
});
