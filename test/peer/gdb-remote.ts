import { createServer, type Server, type Socket } from 'node:net';

/** What QEMU answers in one packet (QEMU gdbstub.c, MAX_PACKET_LENGTH): two digits a byte. */
const READ_SIZE_BYTES_MAX = 2048;
/** More than this without the end of a packet is no debug stub. */
const PACKET_CHARACTERS_MAX = 65_536;
const INTERRUPT = '\x03';

/** Addresses that are watched for writes. */
export interface WriteWatch {
  readonly address: number;
  readonly lengthBytes: number;
}

/** Why the processor stopped: it is about to write where it is watched, or it was told to stop. */
export type StopReason = 'watch' | 'interrupt';

interface Waiter {
  readonly resolve: (packet: string) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A processor under the remote protocol of GDB (GDB manual, "Remote Protocol"), as far as it takes
 * to stop it at a write and to read its memory. It has no time limit of its own: when the other
 * side goes, whatever is waited for fails.
 */
export class GdbRemote {
  readonly #socket: Socket;
  #received = '';
  #waiter: Waiter | undefined;
  #isClosed = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.#receive(text);
    });
    // An error is always followed by a close.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#isClosed = true;
      this.#waiter?.reject(new Error('the debug connection was closed'));
    });
  }

  /** Sends one command; the answer is the packet that comes back. One command at a time. */
  ask(command: string): Promise<string> {
    if (this.#waiter !== undefined) throw new Error(`${command}: a command is under way`);
    if (this.#isClosed) return Promise.reject(new Error('the debug connection was closed'));
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
      this.#socket.write(`$${command}#${checksum(command)}`, 'latin1');
      this.#deliver();
    });
  }

  /** Runs until something stops the processor. */
  async resume(): Promise<StopReason> {
    const stop = await this.ask('c');
    if (!/^[ST]/.test(stop)) throw new Error(`no stop: ${stop}`);
    return stop.includes('watch:') ? 'watch' : 'interrupt';
  }

  /** Stops a processor that runs; `resume` then answers. Without effect on one that stands still. */
  interrupt(): void {
    this.#socket.write(INTERRUPT, 'latin1');
  }

  /** Stops the processor before each write into a range. */
  async watch(range: WriteWatch): Promise<void> {
    await this.#expectOk(`Z2,${rangeText(range)}`);
  }

  /** Does the one instruction that a watch stopped, which would else stop it again and again. */
  async stepOver(range: WriteWatch): Promise<void> {
    await this.#expectOk(`z2,${rangeText(range)}`);
    await this.ask('s');
    await this.watch(range);
  }

  /** Reads memory, without the effects that reading has on devices. */
  async read(address: number, lengthBytes: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(lengthBytes);
    for (let offset = 0; offset < lengthBytes; offset += READ_SIZE_BYTES_MAX) {
      const size = Math.min(READ_SIZE_BYTES_MAX, lengthBytes - offset);
      const digits = await this.ask(
        `m${rangeText({ address: address + offset, lengthBytes: size })}`,
      );
      if (digits.length !== 2 * size) throw new Error(`no memory: ${digits.slice(0, 20)}`);
      bytes.set(Buffer.from(digits, 'hex'), offset);
    }
    return bytes;
  }

  close(): void {
    this.#socket.destroy();
  }

  async #expectOk(command: string): Promise<void> {
    const answer = await this.ask(command);
    if (answer !== 'OK') throw new Error(`${command}: ${answer}`);
  }

  #receive(text: string): void {
    this.#received += text;
    if (this.#received.length > PACKET_CHARACTERS_MAX) this.#socket.destroy();
    this.#deliver();
  }

  /** Acknowledgements are passed over: a local socket loses and changes nothing. */
  #deliver(): void {
    const packet = /\$([^#]*)#[0-9a-f]{2}/.exec(this.#received);
    const waiter = this.#waiter;
    if (packet === null || waiter === undefined) return;
    this.#received = this.#received.slice(packet.index + packet[0].length);
    this.#waiter = undefined;
    this.#socket.write('+', 'latin1');
    waiter.resolve(packet[1] ?? '');
  }
}

/** Waits on a local socket for the one processor that connects to it. */
export class GdbListener {
  /** Fails when the listener is closed before. */
  readonly remote: Promise<GdbRemote>;
  readonly #server: Server;
  #giveUp: ((error: Error) => void) | undefined;

  private constructor(server: Server) {
    this.#server = server;
    this.remote = new Promise((resolve, reject) => {
      this.#giveUp = reject;
      server.once('connection', (socket) => {
        resolve(new GdbRemote(socket));
      });
    });
    // Whoever waits for it hears of it; when nobody does, it is no news.
    this.remote.catch(() => undefined);
  }

  static async open(path: string): Promise<GdbListener> {
    const server = createServer();
    const listener = new GdbListener(server);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
    return listener;
  }

  close(): void {
    this.#giveUp?.(new Error('nothing connected'));
    this.#server.close();
  }
}

function rangeText({ address, lengthBytes }: WriteWatch): string {
  return `${address.toString(16)},${lengthBytes.toString(16)}`;
}

function checksum(text: string): string {
  const sum = Buffer.from(text, 'latin1').reduce((total, byte) => (total + byte) & 0xff, 0);
  return sum.toString(16).padStart(2, '0');
}
