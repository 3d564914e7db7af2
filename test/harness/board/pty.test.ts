import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { SerialPort } from 'serialport';
import { openPty, PTY_PENDING_BYTES_MAX } from '@brickproof/harness';
import type { Pty } from '@brickproof/harness';

let pty: Pty | undefined;

afterEach(() => {
  pty?.close();
  pty = undefined;
});

/** Opens the port as a program that knows nothing of terminals would. */
function openPlain(path: string): number {
  return openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
}

async function nextData(from: Pty): Promise<Buffer> {
  return new Promise((resolve) => {
    from.onData((bytes) => {
      resolve(Buffer.from(bytes));
    });
  });
}

function readAvailable(fd: number): Buffer {
  const buffer = Buffer.alloc(65_536);
  try {
    return buffer.subarray(0, readSync(fd, buffer));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') {
      return Buffer.alloc(0);
    }
    throw error;
  }
}

const AWKWARD_BYTES = Buffer.from([0x00, 0x03, 0x04, 0x0a, 0x0d, 0x11, 0x13, 0x1a, 0x7f, 0xff]);

describe('openPty', () => {
  it('hands on every byte unchanged, both ways, to a program that sets no flags', async () => {
    pty = await openPty();
    const fd = openPlain(pty.path);
    const received = nextData(pty);
    writeSync(fd, AWKWARD_BYTES);
    expect(await received).toEqual(AWKWARD_BYTES);
    pty.write(AWKWARD_BYTES);
    await expect.poll(() => readAvailable(fd)).toEqual(AWKWARD_BYTES);
    closeSync(fd);
  });

  it('does not echo what the board sends back to the board', async () => {
    pty = await openPty();
    const fd = openPlain(pty.path);
    const heard: number[] = [];
    pty.onData((bytes) => heard.push(...bytes));
    pty.write(Buffer.from('console text\r\n'));
    await expect.poll(() => readAvailable(fd).toString()).toBe('console text\r\n');
    writeSync(fd, 'x');
    await expect.poll(() => heard.length).toBeGreaterThan(0);
    expect(Buffer.from(heard).toString()).toBe('x');
    closeSync(fd);
  });

  it('can be opened again after a program closed it', async () => {
    pty = await openPty();
    for (let round = 0; round < 3; round += 1) {
      const port = new SerialPort({ path: pty.path, baudRate: 115_200 });
      port.on('error', () => undefined);
      const received = nextData(pty);
      port.write(`round ${round}`);
      expect((await received).toString()).toBe(`round ${round}`);
      await new Promise((resolve) => {
        port.close(resolve);
      });
    }
  });

  it('drops the oldest bytes beyond its bound while nobody reads', async () => {
    pty = await openPty();
    const line = Buffer.from('x'.repeat(1023) + '\n');
    for (let count = 0; count < 1000; count += 1) pty.write(line);
    pty.write(Buffer.from('the last line\n'));
    // What the kernel keeps for the port comes on top of our bound.
    const keptAtMost = PTY_PENDING_BYTES_MAX + 128 * 1024;
    expect(pty.droppedBytes).toBeGreaterThan(1000 * 1024 - keptAtMost);

    const fd = openPlain(pty.path);
    let text = '';
    await expect
      .poll(() => (text += readAvailable(fd).toString()), { interval: 5 })
      .toContain('the last line');
    expect(text.length).toBeLessThan(keptAtMost);
    closeSync(fd);
  });

  it('frees its descriptors when it is closed, and ignores later writes', async () => {
    pty = await openPty();
    pty.close();
    pty.close();
    pty.write(Buffer.from('nobody is there'));
    expect(() => openPlain(pty?.path ?? '')).toThrow(/ENOENT|EIO/);
  });
});
