import { ImageStaging, STORE_KEY } from '@brickproof/agent';
import type { UploadAnswer, UploadPacket } from '@brickproof/agent';
import { PowerCut, effectsOf, markForDirectXip } from '@brickproof/bootloader-sim';
import type { FlashStatistics } from '@brickproof/bootloader-sim';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HASH_ONLY, TestDevice, buildTestImage, sha256 } from '../test-device.js';
import type { TestDeviceOptions, TestImage } from '../test-device.js';

const RUNNING = buildTestImage('1.0.0', 600);
const NEXT = buildTestImage('1.1.0', 1900);
/** Flagged as encrypted with AES-128. */
const ENCRYPTED = buildTestImage('1.1.0', 1900, 0x04);

function device(options: TestDeviceOptions = {}): TestDevice {
  return new TestDevice(options).program(0, RUNNING);
}

function stagingOf(target: TestDevice): ImageStaging {
  return new ImageStaging({
    bootControl: target.bootControl,
    store: target.store,
    crypto: HASH_ONLY,
  });
}

function firstPacket(image: TestImage, dataBytes = 128): UploadPacket {
  return {
    off: 0,
    data: image.bytes.subarray(0, dataBytes),
    len: image.bytes.byteLength,
    sha: image.sha,
  };
}

const PACKETS_MAX = 500;

/** Sends packets as a client does, from whatever offset is answered, up to the end. */
function upload(
  staging: ImageStaging,
  image: TestImage,
  options: { readonly packetBytes?: number; readonly sha?: Uint8Array | undefined } = {},
): UploadAnswer {
  const { packetBytes = 128 } = options;
  const sha = 'sha' in options ? options.sha : image.sha;
  let off = 0;
  for (let packets = 0; packets < PACKETS_MAX; packets += 1) {
    const data = image.bytes.subarray(off, off + packetBytes);
    const first = off === 0 ? { len: image.bytes.byteLength, sha } : {};
    const taken = staging.take({ off, data, ...first });
    if (!taken.ok) throw new Error(`${taken.code}: ${taken.detail}`);
    off = taken.value.off;
    if (off === image.bytes.byteLength) return taken.value;
  }
  throw new Error('the upload does not end');
}

function holdsImage(target: TestDevice, image: TestImage): boolean {
  const slot = target.slotBytes(1);
  return Buffer.from(slot.subarray(0, image.bytes.byteLength)).equals(Buffer.from(image.bytes));
}

/** What has been done to the flash, reads left out. */
function changesOf({ flash }: TestDevice): Omit<FlashStatistics, 'reads' | 'bytesRead'> {
  const { writes, erases, bytesWritten, bytesErased } = flash.statistics;
  return { writes, erases, bytesWritten, bytesErased };
}

describe('ImageStaging', () => {
  it('puts an image into the slot whatever the packets, the word size and the sectors', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1, 2, 4, 8, 16, 32),
        fc.constantFrom(0xff, 0x00),
        fc.constantFrom(
          [{ count: 8, sizeBytes: 512 }],
          [
            { count: 2, sizeBytes: 256 },
            { count: 1, sizeBytes: 2048 },
            { count: 2, sizeBytes: 1024 },
          ],
        ),
        fc.integer({ min: 32, max: 3000 }),
        fc.integer({ min: 1, max: 2500 }),
        (writeAlignBytes, erasedValue, slotRuns, packetBytes, bodyBytes) => {
          const target = device({ writeAlignBytes, erasedValue, slotRuns });
          const image = buildTestImage('1.2.3', bodyBytes);
          const answer = upload(stagingOf(target), image, { packetBytes });
          expect(answer).toEqual({ off: image.bytes.byteLength, match: true });
          expect(holdsImage(target, image)).toBe(true);
          expect(target.store.get(STORE_KEY.uploadCheckpoint)).toBeUndefined();
        },
      ),
    );
  });

  it('takes the largest image that the slot takes, and leaves its trailer blank', () => {
    const target = device();
    const maxBytes = target.bootControl.maxImageSizeBytes(1);
    const image = buildTestImage('1.1.0', maxBytes - 32 - 40);
    expect(image.bytes.byteLength).toBe(maxBytes);
    expect(upload(stagingOf(target), image)).toMatchObject({ match: true });
    expect(
      target
        .slotBytes(1)
        .subarray(maxBytes)
        .every((byte) => byte === 0xff),
    ).toBe(true);
    expect(target.bootControl.setPending(1, { permanent: false })).toMatchObject({ ok: true });
  });

  it('has all but the header and a tail shorter than a word in flash after every packet', () => {
    const target = device({ writeAlignBytes: 32 });
    const staging = stagingOf(target);
    for (let off = 0; off < NEXT.bytes.byteLength; off += 77) {
      const end = Math.min(off + 77, NEXT.bytes.byteLength);
      staging.take({ ...firstPacket(NEXT), off, data: NEXT.bytes.subarray(off, end) });
      const written = end - (end % 32);
      expect(target.slotBytes(1).subarray(32, written)).toEqual(NEXT.bytes.slice(32, written));
      const isWhole = end === NEXT.bytes.byteLength;
      const head = isWhole ? NEXT.bytes.slice(0, 32) : new Uint8Array(32).fill(0xff);
      expect(target.slotBytes(1).subarray(0, 32)).toEqual(head);
    }
  });

  it('says nothing about a match when the client gave no sha, and checks one that was cut', () => {
    const image = NEXT;
    const off = image.bytes.byteLength;
    expect(upload(stagingOf(device()), image, { sha: undefined })).toEqual({ off });
    const beginning = image.sha.subarray(0, 3);
    expect(upload(stagingOf(device()), image, { sha: beginning })).toEqual({ off, match: true });
    const wrong = Uint8Array.of(1, 2, 3);
    expect(upload(stagingOf(device()), image, { sha: wrong })).toEqual({ off, match: false });
  });

  it.each<[string, UploadPacket]>([
    ['upload-offset-missing', { ...firstPacket(NEXT), off: undefined }],
    ['upload-header-truncated', firstPacket(NEXT, 31)],
    ['upload-header-truncated', { off: 0, len: 100 }],
    ['upload-length-missing', { ...firstPacket(NEXT), len: undefined }],
    ['upload-length-zero', { ...firstPacket(NEXT), len: 0 }],
    ['upload-image-number', { ...firstPacket(NEXT), image: 1 }],
    ['upload-bad-magic', { ...firstPacket(NEXT), data: new Uint8Array(64) }],
    ['upload-header-invalid', { ...firstPacket(NEXT), data: withHeaderSize(NEXT, 4) }],
    ['upload-encrypted', firstPacket(ENCRYPTED)],
    ['upload-sha-invalid', { ...firstPacket(NEXT), sha: new Uint8Array(33) }],
    ['upload-too-large', { ...firstPacket(NEXT), len: 8 * 512 }],
    ['upload-overrun', { ...firstPacket(NEXT), len: 100 }],
    ['upload-version-not-newer', { ...firstPacket(buildTestImage('1.0.0.9')), upgrade: true }],
    ['upload-version-not-newer', { ...firstPacket(buildTestImage('0.9.9')), upgrade: true }],
  ])('refuses %s before it touches the flash', (code, packet) => {
    const target = device();
    const staging = stagingOf(target);
    const before = changesOf(target);
    expect(staging.take(packet)).toMatchObject({ ok: false, code });
    expect(changesOf(target)).toEqual(before);
    expect(staging.isOpen(1)).toBe(false);
  });

  it('takes an encrypted image where there is a key for it, and lists it', () => {
    const target = device();
    const staging = new ImageStaging({
      bootControl: target.bootControl,
      store: target.store,
      crypto: HASH_ONLY,
      takesEncryptedImages: true,
    });
    expect(upload(staging, ENCRYPTED)).toMatchObject({ match: true });
    expect(holdsImage(target, ENCRYPTED)).toBe(true);
    expect(target.bootControl.state(1).image?.hash).toEqual(ENCRYPTED.hash);
  });

  it('takes no image that is flagged as encrypted in two ways', () => {
    const target = device();
    const both = buildTestImage('1.1.0', 1900, 0x0c);
    for (const takesEncryptedImages of [false, true]) {
      const { bootControl, store } = target;
      const ports = { bootControl, store, crypto: HASH_ONLY, takesEncryptedImages };
      const refused = new ImageStaging(ports).take(firstPacket(both));
      expect(refused).toMatchObject({ ok: false, code: 'upload-header-invalid' });
    }
  });

  it('takes an older version when the client does not ask for upgrades only', () => {
    expect(upload(stagingOf(device()), buildTestImage('0.1.0'))).toMatchObject({ match: true });
  });

  it('refuses an upgrade when it cannot read what runs', () => {
    const target = new TestDevice();
    markForDirectXip(target.bootControl.area(0), { confirm: true });
    const packet = { ...firstPacket(NEXT), upgrade: true };
    expect(stagingOf(target).take(packet)).toMatchObject({ code: 'upload-version-unknown' });
  });

  it('answers where it is to a packet for any other offset, and writes nothing', () => {
    const target = device();
    const staging = stagingOf(target);
    expect(staging.take({ off: 64, data: new Uint8Array(8) })).toMatchObject({ value: { off: 0 } });
    staging.take(firstPacket(NEXT));
    staging.take({ off: 128, data: NEXT.bytes.subarray(128, 256) });
    const before = changesOf(target);
    for (const off of [1, 64, 128, 255, 257, 100_000, 0xffff_ffff]) {
      const answer = staging.take({ off, data: new Uint8Array(200).fill(1) });
      expect(answer).toMatchObject({ ok: true, value: { off: 256 } });
    }
    expect(changesOf(target)).toEqual(before);
    expect(upload(staging, NEXT)).toMatchObject({ match: true });
    expect(holdsImage(target, NEXT)).toBe(true);
  });

  it('answers the last packet again when it comes twice', () => {
    const staging = stagingOf(device());
    const end = { off: NEXT.bytes.byteLength, match: true };
    expect(upload(staging, NEXT)).toEqual(end);
    expect(staging.take({ off: 1900, data: NEXT.bytes.subarray(1900) })).toMatchObject({
      value: end,
    });
    expect(staging.take(firstPacket(NEXT))).toMatchObject({ value: end });
  });

  it('takes the first packet twice without starting again, with a sha and without', () => {
    for (const sha of [NEXT.sha, undefined]) {
      const target = device();
      const staging = stagingOf(target);
      const packet = { ...firstPacket(NEXT, 130), sha };
      expect(staging.take(packet)).toMatchObject({ value: { off: 130 } });
      const before = changesOf(target);
      expect(staging.take(packet)).toMatchObject({ value: { off: 130 } });
      expect(changesOf(target)).toEqual(before);
    }
  });

  it('starts again for another sha, and for other bytes without one', () => {
    const target = device();
    const staging = stagingOf(target);
    staging.take(firstPacket(NEXT));
    const other = buildTestImage('1.3.0', 700);
    expect(upload(staging, other)).toMatchObject({ match: true });
    expect(holdsImage(target, other)).toBe(true);
    staging.take({ ...firstPacket(NEXT), sha: undefined });
    expect(upload(staging, other, { sha: undefined })).toEqual({ off: other.bytes.byteLength });
    expect(holdsImage(target, other)).toBe(true);
  });

  it('refuses more bytes than were announced and can go on after', () => {
    const target = device();
    const staging = stagingOf(target);
    staging.take(firstPacket(NEXT));
    const tooMuch = { off: 128, data: new Uint8Array(NEXT.bytes.byteLength - 127) };
    expect(staging.take(tooMuch)).toMatchObject({ code: 'upload-overrun' });
    expect(upload(staging, NEXT)).toMatchObject({ match: true });
    expect(holdsImage(target, NEXT)).toBe(true);
  });

  it('takes the header from an image that is not what was announced', () => {
    const target = device();
    const staging = stagingOf(target);
    const lie = { ...NEXT, sha: sha256(Uint8Array.of(1)) };
    expect(upload(staging, lie)).toEqual({ off: NEXT.bytes.byteLength, match: false });
    expect(target.bootControl.state(1).image).toBeUndefined();
    expect(staging.isOpen(1)).toBe(false);
    expect(upload(staging, NEXT)).toMatchObject({ match: true });
  });

  it('reads the flash back: a bit that did not hold is found', () => {
    const target = device();
    const staging = stagingOf(target);
    const { bytes } = NEXT;
    staging.take({ ...firstPacket(NEXT), data: bytes.subarray(0, 1024) });
    const torn = target.copy();
    const area = torn.bootControl.area(1);
    area.erase(512, 512);
    const again = stagingOf(torn);
    expect(again.take(firstPacket(NEXT))).toMatchObject({ value: { off: 512 } });
    area.erase(0, 512);
    const rest = upload(again, NEXT);
    expect(rest).toMatchObject({ match: false });
  });

  it('does not write over a slot that boots next, or that a trial falls back to', () => {
    const pending = device().program(1, NEXT, false);
    markForDirectXip(pending.bootControl.area(1), { confirm: false });
    expect(stagingOf(pending).take(firstPacket(NEXT))).toMatchObject({
      code: 'upload-slot-in-use',
    });
    const trial = device().program(1, NEXT, false).restart(1);
    markForDirectXip(trial.bootControl.area(1), { confirm: false });
    expect(trial.bootControl.uploadSlot).toBe(0);
    expect(stagingOf(trial).take(firstPacket(NEXT))).toMatchObject({ code: 'upload-slot-in-use' });
    expect(trial.slotBytes(0).subarray(0, 32)).toEqual(RUNNING.bytes.subarray(0, 32));
  });

  it('erases the trailer before the body, the magic before the rest', () => {
    const target = device({ slotRuns: [{ count: 64, sizeBytes: 64 }], writeAlignBytes: 32 });
    const slotBytes = 64 * 64;
    const erased: number[] = [];
    target.flash.watch(({ kind, offset }) => {
      const isSlot = offset >= slotBytes && offset < 2 * slotBytes;
      if (kind === 'erase' && isSlot) erased.push(offset - slotBytes);
      return undefined;
    });
    stagingOf(target).take(firstPacket(NEXT));
    expect(target.bootControl.trailerSectorOffset(1)).toBe(slotBytes - 128);
    expect(erased).toEqual([slotBytes - 64, slotBytes - 128, 0, 64]);
  });

  it('does not write again what is there already', () => {
    const target = device();
    upload(stagingOf(target), NEXT);
    target.restart();
    const before = changesOf(target);
    const end = { off: NEXT.bytes.byteLength, match: true };
    expect(stagingOf(target).take(firstPacket(NEXT))).toMatchObject({ value: end });
    expect(changesOf(target)).toEqual(before);
  });

  it.each(['in the same breath', 'after a restart'])(
    'writes again what lost a bit since it arrived, %s',
    (when) => {
      const target = device();
      const staging = stagingOf(target);
      expect(upload(staging, NEXT)).toMatchObject({ match: true });
      target.flash.flipBit(target.bootControl.area(1).flashOffset + 1_000, 3);
      const again = when === 'after a restart' ? stagingOf(target.restart()) : staging;
      expect(again.take(firstPacket(NEXT))).toMatchObject({ value: { off: 128 } });
      expect(upload(again, NEXT)).toMatchObject({ match: true });
      expect(holdsImage(target, NEXT)).toBe(true);
    },
  );

  it('writes again what is there already under a stale mark', () => {
    const target = device().program(1, NEXT);
    target.activeSlot = 0;
    const newer = device().program(0, buildTestImage('2.0.0')).program(1, NEXT);
    expect(stagingOf(newer).take(firstPacket(NEXT))).toMatchObject({ value: { off: 128 } });
  });

  it('goes on from the sector after a write that the flash failed', () => {
    const target = device();
    const staging = stagingOf(target);
    staging.take({ ...firstPacket(NEXT), data: NEXT.bytes.subarray(0, 700) });
    target.flash.watch((operation) =>
      operation.kind === 'write'
        ? { kind: 'failure', effect: { kind: 'prefix', words: 2 } }
        : undefined,
    );
    const refused = staging.take({ off: 700, data: NEXT.bytes.subarray(700, 900) });
    expect(refused).toMatchObject({ code: 'upload-write-failed' });
    target.flash.watch(undefined);
    const next = staging.take({ off: 700, data: NEXT.bytes.subarray(700, 900) });
    expect(next).toMatchObject({ value: { off: 512 } });
    expect(upload(staging, NEXT)).toMatchObject({ match: true });
    expect(holdsImage(target, NEXT)).toBe(true);
  });

  it.each([
    ['upload-erase-failed', 'erase'],
    ['upload-store-failed', 'all'],
  ])('says %s when that is what failed, and the upload can be done after', (code, kind) => {
    const target = device();
    const staging = stagingOf(target);
    const storeOffset = 2 * 8 * 512;
    target.flash.watch((operation) => {
      const isStore = operation.offset >= storeOffset;
      const fails = kind === 'erase' ? operation.kind === 'erase' && !isStore : isStore;
      return fails ? { kind: 'failure', effect: 'untouched' } : undefined;
    });
    expect(staging.take(firstPacket(NEXT))).toMatchObject({ code });
    target.flash.watch(undefined);
    expect(upload(staging, NEXT)).toMatchObject({ match: true });
    expect(holdsImage(target, NEXT)).toBe(true);
  });

  it('can be done after the store failed at the last packet', () => {
    const target = device();
    const staging = stagingOf(target);
    const storeOffset = 2 * 8 * 512;
    const end = NEXT.bytes.byteLength - 100;
    for (let off = 0; off < end; off += 100) {
      staging.take({
        ...firstPacket(NEXT, 100),
        off,
        data: NEXT.bytes.slice(off, Math.min(off + 100, end)),
      });
    }
    target.flash.watch(({ offset }) =>
      offset >= storeOffset ? { kind: 'failure', effect: 'untouched' } : undefined,
    );
    const last = { off: end, data: NEXT.bytes.subarray(end) };
    expect(staging.take(last)).toMatchObject({ code: 'upload-store-failed' });
    target.flash.watch(undefined);
    expect(upload(staging, NEXT)).toMatchObject({ match: true });
    expect(holdsImage(target, NEXT)).toBe(true);
  });

  it('survives a power cut at every flash operation of an upload, and resumes', () => {
    const image = buildTestImage('1.1.0', 1500);
    const old = buildTestImage('0.9.0', 800);
    const start = device().program(1, old);
    let operations = 0;
    const whole = start.copy();
    whole.flash.watch(() => {
      operations += 1;
      return undefined;
    });
    upload(stagingOf(whole), image, { packetBytes: 200 });
    expect(operations).toBeGreaterThan(20);
    let resumed = 0;
    for (let index = 0; index < operations; index += 1) {
      for (const row of [0, 1, 2, 3, 4]) {
        const target = start.copy();
        cutDuring(target, image, { index, row });
        const staging = stagingOf(target.restart());
        // A slot that does not count as open holds one image or the other, whole, or none.
        if (!staging.isOpen(1) && target.bootControl.state(1).image !== undefined) {
          expect(holdsImage(target, old) || holdsImage(target, image)).toBe(true);
        }
        const answer = staging.take(firstPacket(image));
        if (answer.ok && answer.value.off >= 512) resumed += 1;
        expect(upload(staging, image, { packetBytes: 150 })).toMatchObject({ match: true });
        expect(holdsImage(target, image)).toBe(true);
        expect(target.store.get(STORE_KEY.uploadCheckpoint)).toBeUndefined();
      }
    }
    expect(resumed).toBeGreaterThan(operations);
  });

  it('does not believe a checkpoint that cannot be', () => {
    const target = device();
    for (const junk of [[], [1], [1, 1, 0xff, 0xff, 0xff, 0x7f, 7, 0, 0, 0, 1], [9, 9, 9, 9]]) {
      target.store.set(STORE_KEY.uploadCheckpoint, Uint8Array.from(junk));
      const staging = stagingOf(target.restart());
      expect(upload(staging, NEXT)).toMatchObject({ match: true });
    }
  });
});

function withHeaderSize(image: TestImage, headerSizeBytes: number): Uint8Array {
  const data = image.bytes.slice(0, 64);
  data[8] = headerSizeBytes;
  return data;
}

/** Uploads until the power is cut in the flash operation with this index. */
function cutDuring(
  target: TestDevice,
  image: TestImage,
  cut: { readonly index: number; readonly row: number },
): void {
  let seen = 0;
  target.flash.watch((operation) => {
    seen += 1;
    if (seen - 1 !== cut.index) return undefined;
    const { writeAlignBytes } = target.flash.geometry;
    const effects = effectsOf(operation, { writeAlignBytes, prefixesMax: 1 });
    return { kind: 'power-cut', effect: effects[cut.row % effects.length] ?? 'untouched' };
  });
  try {
    upload(stagingOf(target), image, { packetBytes: 200 });
  } catch (error) {
    if (!(error instanceof PowerCut)) throw error;
  }
  target.flash.watch(undefined);
}
