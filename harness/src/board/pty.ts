import { closeSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { ReadStream } from 'node:tty';
import { SerialPort } from 'serialport';

/**
 * How much may wait for a reader that does not read. Beyond this the oldest bytes are lost, as
 * they would be on a wire that nobody listens to.
 */
export const PTY_PENDING_BYTES_MAX: number = 64 * 1024;

const RETRY_DELAY_MS_MIN = 1;
const RETRY_DELAY_MS_MAX = 64;
const COLUMNS = 80;
const ROWS = 24;

/** A pty pair without a child process: this side is the board, `path` is the port. */
export interface Pty {
  /** What other programs open, as they would a serial port; as often as they like. */
  readonly path: string;
  /** Bytes given up so far because nobody read them. */
  readonly droppedBytes: number;
  /** Sends to whoever has the port open. Never blocks; what nobody reads is dropped in the end. */
  write(bytes: Uint8Array): void;
  /** Calls the listener with what arrives. */
  onData(listener: (bytes: Uint8Array) => void): void;
  /** Takes the port away: programs that have it open see it vanish. */
  close(): void;
}

interface NativePair {
  readonly master: number;
  readonly slave: number;
  readonly pty: string;
}

/**
 * Opens a pty pair in raw mode, without echo. The slave stays open in this process, so that a
 * program that closes the port does not hang up the board.
 */
export async function openPty(): Promise<Pty> {
  const pair = openPair();
  await setRawMode(pair.pty);
  return new NodePty(pair);
}

class NodePty implements Pty {
  readonly path: string;
  readonly #pair: NativePair;
  readonly #reader: ReadStream;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #droppedBytes = 0;
  #retryDelayMs = RETRY_DELAY_MS_MIN;
  #retryTimer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(pair: NativePair) {
    this.path = pair.pty;
    this.#pair = pair;
    this.#reader = new ReadStream(pair.master);
    // The read side fails only when it is closed; without a listener that would end the process.
    this.#reader.on('error', () => {
      this.close();
    });
  }

  get droppedBytes(): number {
    return this.#droppedBytes;
  }

  write(bytes: Uint8Array): void {
    if (this.#closed || bytes.byteLength === 0) return;
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.byteLength;
    this.#dropBeyondBound();
    if (this.#retryTimer === undefined) this.#flush();
  }

  onData(listener: (bytes: Uint8Array) => void): void {
    this.#reader.on('data', listener);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#retryTimer);
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#reader.destroy();
    closeSync(this.#pair.slave);
  }

  #flush(): void {
    this.#retryTimer = undefined;
    for (let head = this.#pending[0]; head !== undefined; head = this.#pending[0]) {
      const written = writeNow(this.#pair.master, head);
      if (written === 0) {
        this.#retryLater();
        return;
      }
      this.#retryDelayMs = RETRY_DELAY_MS_MIN;
      this.#pendingBytes -= written;
      if (written === head.byteLength) this.#pending.shift();
      else this.#pending[0] = head.subarray(written);
    }
  }

  // There is no event for "the master takes bytes again", so we ask: soon at first, then rarely.
  #retryLater(): void {
    this.#retryTimer = setTimeout(() => {
      this.#flush();
    }, this.#retryDelayMs);
    this.#retryTimer.unref();
    this.#retryDelayMs = Math.min(this.#retryDelayMs * 2, RETRY_DELAY_MS_MAX);
  }

  #dropBeyondBound(): void {
    while (this.#pendingBytes > PTY_PENDING_BYTES_MAX) {
      const oldest = this.#pending.shift();
      if (oldest === undefined) return;
      this.#pendingBytes -= oldest.byteLength;
      this.#droppedBytes += oldest.byteLength;
    }
  }
}

/** Writes what fits; 0 when nothing does. */
function writeNow(fd: number, bytes: Uint8Array): number {
  try {
    return writeSync(fd, bytes);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EAGAIN') return 0;
    throw error;
  }
}

/**
 * The library's own wrapper reads from the slave too, and so would eat what is meant for the
 * program that opens the port; its native part gives the two bare descriptors.
 */
function openPair(): NativePair {
  const load: NodeJS.Require = createRequire(import.meta.url);
  const wrapper: unknown = load('@lydell/node-pty/requireBinary');
  const native = callMember(wrapper, 'requireBinary', ['pty.node']);
  const pair = callMember(native, 'open', [COLUMNS, ROWS]);
  if (!isNativePair(pair)) throw new Error('the pty library answered no pair of descriptors');
  return pair;
}

function callMember(owner: unknown, name: string, args: readonly unknown[]): unknown {
  if (typeof owner !== 'object' || owner === null) throw new Error('the pty library is no module');
  const member: unknown = Reflect.get(owner, name);
  if (typeof member !== 'function') throw new Error(`the pty library has no ${name}()`);
  return Reflect.apply(member, owner, args);
}

function isNativePair(value: unknown): value is NativePair {
  if (typeof value !== 'object' || value === null) return false;
  const { master, slave, pty } = value as Partial<Record<keyof NativePair, unknown>>;
  return typeof master === 'number' && typeof slave === 'number' && typeof pty === 'string';
}

/** A serial library sets every flag of a raw line when it opens one; they outlast its closing. */
async function setRawMode(path: string): Promise<void> {
  const port = new SerialPort({ path, baudRate: 115_200, lock: false, autoOpen: false });
  await new Promise<void>((resolve, reject) => {
    port.open((error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
  await new Promise<void>((resolve, reject) => {
    port.close((error) => {
      if (error === null) resolve();
      else reject(error);
    });
  });
}
