// Makes the daemon wrong in one way (node --import, before kill-preload.mjs), so that it can be
// shown that the loop finds it. KILL_FAULT names the way.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { setTimeout } from 'node:timers';

const HEAD_BYTES = 32;
const MAGIC_BYTES = 16;
/** Where the daemon of the loop has its fields: an alignment of 8 bytes. */
const IMAGE_OK_FROM_END = 24;
const LATE_MS = 450;
const real = { ...fs };
const names = new Map();

fs.openSync = (path, ...rest) => {
  const descriptor = real.openSync(path, ...rest);
  names.set(descriptor, String(path));
  return descriptor;
};

function isSlot(descriptor) {
  return /slot[01]\.img$/.test(names.get(descriptor) ?? '');
}

/**
 * What is written at a place of a slot gets to the disk some time after it was said to be there;
 * until then this process alone reads it.
 */
function writeLate(isPlace) {
  const waiting = new Set();
  fs.writeSync = (descriptor, data, offset, length, position) => {
    const isLate = isSlot(descriptor) && isPlace(length, position, real.fstatSync(descriptor).size);
    if (!isLate) return real.writeSync(descriptor, data, offset, length, position);
    const late = { slot: names.get(descriptor), bytes: Buffer.from(data), position };
    waiting.add(late);
    setTimeout(() => {
      waiting.delete(late);
      real.writeSync(descriptor, late.bytes, 0, length, position);
    }, LATE_MS);
    return length;
  };
  fs.readSync = (descriptor, buffer, offset, length, position) => {
    const read = real.readSync(descriptor, buffer, offset, length, position);
    for (const late of waiting) {
      if (late.slot !== names.get(descriptor)) continue;
      late.bytes.forEach((byte, index) => {
        const at = late.position + index - position;
        if (at >= 0 && at < read) buffer[offset + at] = byte;
      });
    }
    return read;
  };
}

const FAULTS = {
  /** The image's header is written with its first sector; the test leaves it in a file. */
  'header-first': () => {
    // Beside the slot while its header is there too early: the next process must know, too.
    const note = (descriptor) => `${names.get(descriptor)}.early`;
    fs.writeSync = (descriptor, data, offset, length, position) => {
      if (!isSlot(descriptor)) return real.writeSync(descriptor, data, offset, length, position);
      if (position === 0 && length === HEAD_BYTES && real.existsSync(note(descriptor))) {
        real.rmSync(note(descriptor));
        return length;
      }
      const written = real.writeSync(descriptor, data, offset, length, position);
      if (position === HEAD_BYTES) {
        const folder = dirname(names.get(descriptor));
        real.writeSync(descriptor, real.readFileSync(join(folder, 'head')), 0, HEAD_BYTES, 0);
        real.writeFileSync(note(descriptor), '');
      }
      return written;
    };
    // The daemon looks whether the place is erased before it writes there; that goes through a
    // buffer for whole pieces, and who wants the header itself has a buffer of its size.
    fs.readSync = (descriptor, buffer, offset, length, position) => {
      const read = real.readSync(descriptor, buffer, offset, length, position);
      const isLook = position === 0 && length === HEAD_BYTES && buffer.buffer.byteLength > length;
      if (isLook && isSlot(descriptor) && real.existsSync(note(descriptor))) {
        buffer.fill(0xff, offset, offset + length);
      }
      return read;
    };
  },
  /** The store's file is written over instead of replaced. */
  'store-in-place': () => {
    const { O_RDWR, O_CREAT, O_TRUNC } = fs.constants;
    const open = fs.openSync;
    fs.openSync = (path, flags, mode) => {
      if (basename(String(path)) !== 'store.tmp') return open(path, flags, mode);
      return open(join(dirname(path), 'store'), O_RDWR | O_CREAT | O_TRUNC, mode);
    };
    fs.renameSync = (from, to) => {
      if (basename(String(from)) !== 'store.tmp') real.renameSync(from, to);
    };
  },
  /** Which slot a boot chose is not noted. */
  'no-boot-record': () => {
    fs.renameSync = (from, to) => {
      if (basename(String(to)) !== 'boot.json') real.renameSync(from, to);
    };
  },
  /** A mark is acknowledged before it is written. */
  'late-mark': () => {
    writeLate((length, position, size) => position + length === size && length === MAGIC_BYTES);
  },
  /** A confirmation is acknowledged before it is written. */
  'late-confirm': () => {
    writeLate((length, position, size) => position === size - IMAGE_OK_FROM_END && length === 8);
  },
};

FAULTS[process.env.KILL_FAULT]();
syncBuiltinESMExports();
