import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { PacketTrimmer } from './packet-trimmer.js';

/** Why a stream was ended from this side. */
export class GuardError extends Error {
  readonly code: 'mqtt-packet-too-large' | 'mqtt-packet-malformed';

  constructor(code: 'mqtt-packet-too-large' | 'mqtt-packet-malformed') {
    super(code);
    this.code = code;
  }
}

/**
 * A socket whose incoming packets are kept within a size before anybody gathers them. The
 * library knows no such limit in MQTT 3.1.1: it would gather what the broker announces, up to
 * 256 MiB.
 */
export class GuardedStream extends Duplex {
  readonly #socket: Socket;
  readonly #trimmer: PacketTrimmer;

  constructor(socket: Socket, remainingBytesMax: number) {
    super({ allowHalfOpen: false });
    this.#socket = socket;
    this.#trimmer = new PacketTrimmer(remainingBytesMax);
    socket.on('data', (chunk: Uint8Array) => {
      this.#receive(chunk);
    });
    socket.on('end', () => this.push(null));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(
    chunk: Uint8Array,
    _encoding: string,
    done: (error?: Error | null) => void,
  ): void {
    this.#socket.write(chunk, done);
  }

  override _writev(
    chunks: readonly { readonly chunk: Uint8Array }[],
    done: (error?: Error | null) => void,
  ): void {
    // One write to the network for what was written together: a packet comes in many small parts.
    this.#socket.cork();
    const last = chunks.length - 1;
    chunks.forEach(({ chunk }, index) => {
      if (index === last) this.#socket.write(chunk, done);
      else this.#socket.write(chunk);
    });
    this.#socket.uncork();
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }

  #receive(chunk: Uint8Array): void {
    const taken = this.#trimmer.take(chunk);
    if (!taken.ok) {
      this.destroy(new GuardError(taken.code));
      return;
    }
    let wantsMore = true;
    for (const piece of taken.pieces) wantsMore = this.push(piece);
    if (!wantsMore) this.#socket.pause();
  }
}
