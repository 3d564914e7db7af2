import * as nodeCrypto from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  agreementPointOf,
  buildImage,
  parseImageVersion,
  type FaultStrike,
  type StrategyName,
} from '@brickproof/bootloader-sim';
import {
  DEVICE_MODELS,
  DEVICE_MODEL_NAMES,
  type VirtualBoard,
  provisionFlash,
  type DeviceModelName,
} from '@brickproof/harness';
import { agreementKey } from '../../bootloader-sim/crypto/test-keys.js';
import { entropyFrom } from '../../bootloader-sim/image/encrypted-image.js';
import {
  EFFECTS,
  KEY,
  CHUNK_BYTES,
  ask,
  board,
  crypto,
  firmware,
  images,
  resetBySmp,
  signingKey,
  startTrial,
  testSlot,
  upload,
} from './test-board.js';

/** What every model can do; one slot in which a new image runs, under each strategy. */
const BOARDS: readonly (readonly [DeviceModelName, StrategyName, number])[] = [
  ['nrf-equal', 'direct-xip', 1],
  ['nrf-equal', 'swap-using-offset', 0],
  ['nrf-equal', 'swap-using-move', 0],
  ['nrf-equal', 'swap-using-scratch', 0],
  ['stm-unequal', 'direct-xip', 1],
  ['stm-unequal', 'swap-using-scratch', 0],
  ['nrf-dual', 'direct-xip', 1],
  ['nrf-dual', 'swap-using-offset', 0],
  ['nrf-dual', 'swap-using-move', 0],
  ['nrf-dual', 'swap-using-scratch', 0],
];

describe.each(BOARDS)('a virtual %s board with %s', (model, strategy, activeSlot) => {
  it('confirms a good update after its self-test, and keeps it', () => {
    const b = board({ model, strategy });
    startTrial(b, firmware('1.1.0'));
    expect(b.state).toMatchObject({ version: '1.1.0+0', trial: 'testing', activeSlot });
    b.advance(2_000);
    expect(b.state.trial).toBe('confirmed');
    b.reset();
    b.advance(100);
    expect(b.state).toMatchObject({ version: '1.1.0+0', trial: 'idle', securityCounter: 1 });
  });

  it.each([
    ['fails its self-test', { selfTest: 'fail' }, 'software'],
    ['hangs before it confirms', { hangBeforeConfirm: true }, 'watchdog'],
    ['crashes', { crashAfterMs: 500 }, 'fault'],
    ['resets in a loop', { resetLoop: true }, 'fault'],
    ['never connects', { neverConnects: true }, 'software'],
  ] as const)('goes back when the new firmware %s', (_, card, cause) => {
    const b = board({ model, strategy });
    startTrial(b, firmware('1.1.0', card));
    b.advance(70_000);
    expect(b.state).toMatchObject({
      version: '1.0.0+0',
      power: 'running',
      resetCause: cause,
      trial: 'idle',
      activeSlot: 0,
    });
  });
});

describe.each(DEVICE_MODEL_NAMES)('a virtual %s board with overwrite-only', (model) => {
  it('overwrites for good', () => {
    const b = board({ model, strategy: 'overwrite-only' });
    startTrial(b, firmware('1.1.0'));
    expect(b.state).toMatchObject({ version: '1.1.0+0', trial: 'idle', activeSlot: 0 });
  });
});

describe('a virtual board', () => {
  it('does not mark an image of an unknown key, and runs on', () => {
    const b = board();
    const seen: Buffer[] = [];
    b.listen({ uart: (bytes) => seen.push(Buffer.from(bytes)) });
    upload(b, firmware('1.1.0', undefined, signingKey(2)));
    expect(testSlot(b, 1)).toHaveProperty('err');
    const text = Buffer.concat(seen).toString('latin1');
    expect(text).toContain('Image in slot 1 refused: image-key-unknown: ');
    resetBySmp(b);
    expect(b.state.version).toBe('1.0.0+0');
  });

  it('has a bootloader that refuses it too, when the agent looks away', () => {
    const b = board({ agentVerifies: false });
    upload(b, firmware('1.1.0', undefined, signingKey(2)));
    expect(testSlot(b, 1)).toHaveProperty('images');
    resetBySmp(b);
    expect(b.state).toMatchObject({ version: '1.0.0+0', power: 'running' });
  });

  describe('that is sent encrypted images', () => {
    const decryptionKey = agreementKey('x25519');
    const encrypted = (filler?: number): Uint8Array => {
      const key = agreementPointOf(agreementKey('x25519', filler));
      const entropy = entropyFrom('board');
      return firmware('1.1.0', undefined, KEY, 20_000, { key, contentKeySizeBytes: 16, entropy });
    };
    const consoleOf = (b: VirtualBoard): (() => string) => {
      const seen: Buffer[] = [];
      b.listen({ uart: (bytes) => seen.push(Buffer.from(bytes)) });
      return () => Buffer.concat(seen).toString('latin1');
    };

    it('has an agent that verifies them decrypted before it marks them', () => {
      const b = board({ strategy: 'overwrite-only', decryptionKey });
      expect(upload(b, encrypted())).toMatchObject({ match: true });
      expect(testSlot(b, 1)).toHaveProperty('images');
    });

    it('does not mark what is encrypted for another board', () => {
      const b = board({ strategy: 'overwrite-only', decryptionKey });
      const text = consoleOf(b);
      expect(upload(b, encrypted(8))).toMatchObject({ match: true });
      expect(testSlot(b, 1)).toHaveProperty('err');
      expect(text()).toContain('Image in slot 1 refused: image-encryption-tag: ');
    });

    it.each<readonly [string, Parameters<typeof board>[0]]>([
      ['without a decryption key', { strategy: 'overwrite-only' }],
      ['that runs images from where they were sent to', { decryptionKey }],
    ])('takes no upload of them %s', (_, options) => {
      const b = board(options);
      const text = consoleOf(b);
      expect(upload(b, encrypted())).not.toHaveProperty('match');
      expect(images(b)).toHaveLength(1);
      expect(text()).toContain('Upload refused: image-encryption-key-missing: ');
    });

    it('leaves it to the bootloader to refuse them when the agent looks away', () => {
      const b = board({ agentVerifies: false });
      expect(upload(b, encrypted())).toMatchObject({ match: true });
      expect(testSlot(b, 1)).toHaveProperty('images');
      resetBySmp(b);
      expect(b.state).toMatchObject({ version: '1.0.0+0', power: 'running' });
    });
  });

  it('does not mark the same or a lower version', () => {
    for (const version of ['1.0.0', '0.9.0']) {
      const b = board();
      upload(b, firmware(version));
      expect(testSlot(b, 1)).toHaveProperty('err');
    }
  });

  it('waits for a request to confirm when it is not to confirm by itself', () => {
    const b = board({ trialLimits: { settleMs: 1_000, timeoutMs: 60_000, confirms: false } });
    startTrial(b, firmware('1.1.0'));
    b.advance(70_000);
    expect(b.state).toMatchObject({ version: '1.1.0+0', trial: 'waiting' });
    ask(b, { op: 'write', group: 1, command: 0, body: { confirm: true } });
    b.advance(500);
    expect(b.state.trial).toBe('confirmed');
  });

  it('lets the caller override what the firmware says of itself', () => {
    const b = board({ behaviour: { crashAfterMs: 1_000 } });
    b.advance(1_000);
    expect(b.state).toMatchObject({ resetCause: 'fault', bootCount: 2 });
  });

  it('mixes console text and frames on its UART', () => {
    const b = board();
    const seen: Buffer[] = [];
    b.listen({ uart: (bytes) => seen.push(Buffer.from(bytes)) });
    b.reset();
    b.advance(500);
    const text = Buffer.concat(seen).toString('latin1');
    expect(text).toContain('I: Starting Direct-XIP bootloader\r\n');
    expect(text).toContain('I: Primary   slot: version=1.0.0+0\r\n');
    expect(text).toContain('I: Jumping to the image slot\r\n');
    expect(text).toContain('*** Booting firmware 1.0.0+0 ***\r\n');
  });

  it('tells the same story for the same seed, byte for byte', () => {
    const story = (): string => {
      const b = board({ seed: 7 });
      const seen: Buffer[] = [];
      b.listen({ uart: (bytes) => seen.push(Buffer.from(bytes)) });
      startTrial(b, firmware('1.1.0', { selfTest: 'fail' }));
      b.advance(20_000);
      const flash = b.flash.read(0, b.flash.geometry.sizeBytes);
      return (
        Buffer.concat(seen).toString('latin1') +
        nodeCrypto.createHash('sha256').update(flash).digest('hex')
      );
    };
    expect(story()).toBe(story());
  });

  it('answers nothing while it is off, and is none the worse for it', () => {
    const b = board();
    b.powerOff();
    b.uartReceive(Buffer.from('junk'));
    expect(ask(b, { op: 'read', group: 0, command: 6 })).toBeUndefined();
    b.advance(100_000);
    expect(b.state.power).toBe('off');
    b.powerOn();
    b.advance(100);
    expect(b.state.version).toBe('1.0.0+0');
  });

  it('boots an image without a security counter only when it has no counter itself', () => {
    const model = DEVICE_MODELS['nrf-equal'];
    const version = parseImageVersion('1.0.0');
    if (!version.ok) throw new Error(version.detail);
    const payload = new Uint8Array(1_000).fill(7);
    const built = buildImage(
      { payload, version: version.value, headerSizeBytes: 0x200, signingKey: KEY },
      crypto,
    );
    if (!built.ok) throw new Error(built.detail);
    const flash = provisionFlash(model, built.value);
    if (!flash.ok) throw new Error(flash.detail);
    expect(board({ flash: flash.value }).state.power).toBe('stuck');
    expect(board({ flash: flash.value, securityCounter: 'none' }).state.power).toBe('running');
  });

  it('is stuck, and says so, when nothing can boot', () => {
    const b = board({ keys: [signingKey(9).verificationKey] });
    expect(b.state).toMatchObject({ power: 'stuck', activeSlot: undefined });
  });

  it('runs the old or the new image after a power cut in any flash operation of an update', () => {
    const image = firmware('1.1.0', undefined, KEY, 9_000);
    const ends = new Map<string, number>();
    for (let cut = 0; ; cut += 1) {
      const b = board();
      const before = b.flash.statistics.writes + b.flash.statistics.erases;
      b.cutPowerAfter(cut, EFFECTS[cut % EFFECTS.length]);
      upload(b, image);
      testSlot(b, 1);
      resetBySmp(b);
      b.advance(3_000);
      const operations = b.flash.statistics.writes + b.flash.statistics.erases - before;
      const wasCut = b.state.power === 'off';
      b.powerOn();
      b.advance(20_000);
      expect(b.state.power).toBe('running');
      const version = b.state.version ?? 'none';
      ends.set(version, (ends.get(version) ?? 0) + 1);
      if (!wasCut) {
        expect(cut).toBeGreaterThanOrEqual(operations);
        break;
      }
    }
    expect([...ends.keys()].toSorted()).toEqual(['1.0.0+0', '1.1.0+0']);
  });

  it('goes on with an upload after a power cut, and installs it', () => {
    const b = board();
    const image = firmware('1.1.0', undefined, KEY, 60_000);
    b.cutPowerAfter(40, { kind: 'unstable', words: 1 });
    upload(b, image);
    expect(b.state.power).toBe('off');
    b.powerOn();
    b.advance(100);
    const hasher = crypto.sha256();
    hasher.update(image);
    const first = {
      off: 0,
      data: image.subarray(0, 512),
      len: image.byteLength,
      sha: hasher.digest(),
    };
    let at = Number(ask(b, { op: 'write', group: 1, command: 1, body: first })?.['off']);
    expect(at).toBeGreaterThan(4_096);
    while (at < image.byteLength) {
      const data = image.subarray(at, at + CHUNK_BYTES);
      const answer = ask(b, { op: 'write', group: 1, command: 1, body: { off: at, data } });
      expect(Number(answer?.['off'])).toBe(at + data.byteLength);
      at += data.byteLength;
    }
    testSlot(b, 1);
    resetBySmp(b);
    b.advance(3_000);
    expect(b.state).toMatchObject({ version: '1.1.0+0', trial: 'confirmed' });
  });
});

describe('the flash of a virtual board', () => {
  const failure = {
    kind: 'failure',
    when: { kind: 'operation', number: 5 },
    write: 'untouched',
    erase: 'untouched',
  } as const;

  it('has faults beside a watcher, and tells of them on the console', () => {
    const b = board();
    const seen: Buffer[] = [];
    const strikes: FaultStrike[] = [];
    b.listen({
      uart: (bytes) => seen.push(Buffer.from(bytes)),
      fault: (strike) => strikes.push(strike),
    });
    let operations = 0;
    b.watchFlash(() => {
      operations += 1;
      return undefined;
    });
    expect(b.faults.switchOn(failure)).toEqual({ ok: true, value: 1 });
    expect(upload(b, firmware('1.1.0'))).not.toHaveProperty('match');
    expect(operations).toBe(5);
    expect(strikes.map(({ id }) => id)).toEqual([1]);
    expect(Buffer.concat(seen).toString('latin1')).toMatch(
      /\*\*\* Flash fault: failed (write|erase) of \d+ bytes at \w+\+0x[0-9a-f]+, left untouched \*\*\*\r\n/,
    );
    b.watchFlash(undefined);
    expect(b.faults.switchOn({ ...failure, when: { kind: 'rate', rate: 1 } }).ok).toBe(true);
    b.faults.switchAllOff();
    expect(upload(b, firmware('1.1.0'))).toMatchObject({ match: true });
  });

  it('goes off at a power cut that is a fault, and updates when it is on again', () => {
    const b = board();
    const cut = { ...failure, kind: 'power-cut', write: { kind: 'unstable' } } as const;
    expect(b.faults.switchOn(cut).ok).toBe(true);
    upload(b, firmware('1.1.0'));
    expect(b.state.power).toBe('off');
    b.powerOn();
    b.advance(500);
    startTrial(b, firmware('1.2.0'));
    b.advance(2_000);
    expect(b.state).toMatchObject({ version: '1.2.0+0', trial: 'confirmed' });
  });

  it('is worn by an update, sector by sector', () => {
    const b = board();
    startTrial(b, firmware('1.1.0'));
    const slot1 = b.wear.find(({ area }) => area === 'slot1');
    expect(slot1?.erases).toHaveLength(118);
    expect(slot1?.erases.slice(0, 8)).toEqual([1, 1, 1, 1, 1, 1, 0, 0]);
    expect(slot1?.erases.at(-1)).toBe(1);
  });

  it('flickers the same way for the same seed, and another for another', () => {
    const readsOf = (seed: number): string => {
      const b = board({ seed });
      b.watchFlash(() => ({ kind: 'failure', effect: { kind: 'unstable' } }));
      b.area('slot1').write(0, new Uint8Array(64));
      return Array.from({ length: 5 }, () => b.area('slot1').read(0, 64).join()).join();
    };
    expect(readsOf(3)).toBe(readsOf(3));
    expect(readsOf(3)).not.toBe(readsOf(4));
  });
});
