import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { SocketReader } from './mqtt-broker.js';
import { PacketGatherer } from './packet-gatherer.js';
import type { PacketRejectCode } from './packet-gatherer.js';

/** What a socket is read in. */
const READ_BYTES = 65_536;

/** Why a stream was ended from this side. */
export class GuardError extends Error {
  readonly code: PacketRejectCode;

  constructor(code: PacketRejectCode) {
    super(code);
    this.code = code;
  }
}

/**
 * A socket whose incoming packets are kept within a size before anybody gathers them. The
 * library knows no such limit in MQTT 3.1.1: it would gather what the broker announces, up to
 * 256 MiB. What is read and gathered goes through the same two buffers again and again: a large
 * update would otherwise leave hundreds of megabytes to the garbage collector.
 */
export class GuardedStream extends Duplex {
  readonly #socket: Socket;
  readonly #gatherer: PacketGatherer;
  #given = 0;
  #taken = 0;
  #wantsMore = true;

  constructor(open: (reader: SocketReader) => Socket, remainingBytesMax: number) {
    super({ allowHalfOpen: false });
    this.#gatherer = new PacketGatherer(remainingBytesMax, (packet) => {
      this.#give(packet);
    });
    this.#socket = open({
      buffer: new Uint8Array(READ_BYTES),
      callback: (bytes, buffer) => this.#receive(buffer.subarray(0, bytes)),
    });
    this.#socket.on('end', () => this.push(null));
    this.#socket.on('error', (error) => this.destroy(error));
    this.#socket.on('close', () => this.destroy());
  }

  /** To be called when a packet was handled: nobody needs its bytes any more. */
  noteTaken(): void {
    this.#taken += 1;
  }

  /**
   * What the destination throws for a packet ends this stream: it would end the process. Its own
   * `_write` is where that comes from, at once or when a packet before this one is done with.
   */
  override pipe<T extends NodeJS.WritableStream>(
    destination: T,
    options?: { readonly end?: boolean },
  ): T {
    if (isReader(destination)) this.#guard(destination);
    return super.pipe(destination, options);
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

  #guard(reader: PacketReader): void {
    const write = reader._write.bind(reader);
    reader._write = (packet, encoding, done) => {
      try {
        write(packet, encoding, done);
      } catch {
        this.destroy(new GuardError('mqtt-packet-malformed'));
      }
    };
  }

  /** Answers whether the socket is to go on reading. */
  #receive(chunk: Uint8Array): boolean {
    this.#wantsMore = true;
    const problem = this.#gatherer.take(chunk);
    if (problem !== undefined) this.destroy(new GuardError(problem));
    return this.#wantsMore;
  }

  #give(packet: Uint8Array): void {
    this.#given += 1;
    this.#wantsMore = this.push(packet);
    // It waits somewhere on its way: whoever has it keeps the buffer.
    if (this.#taken !== this.#given) this.#gatherer.leaveBuffer();
  }
}

type WritePacket = (
  packet: Uint8Array,
  encoding: BufferEncoding,
  done: (error?: Error | null) => void,
) => void;

interface PacketReader {
  _write: WritePacket;
}

function isReader(destination: object): destination is PacketReader {
  return '_write' in destination && typeof destination._write === 'function';
}
