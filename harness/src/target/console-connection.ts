import { encodeSerialFrames, SERIAL_MESSAGE_BYTES_MAX, SerialDeframer } from '@brickproof/agent';
import { CLOSED_BY_US, ConnectionEvents } from './connection-events.js';
import type { ConnectionClose, ConnectionListener, SmpConnection } from './smp-connection.js';

/** Length and CRC travel with each message, and a receiver may keep them in the message's buffer. */
const FRAMING_BYTES = 4;

/** The wire underneath: a serial port, a socket, a board in this process. */
export interface ByteWire {
  /** Resolves when the wire took the bytes; does nothing on a wire that has ended. */
  write(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** What is known about the wire before the first byte. */
export interface ConsoleConnectionOptions {
  readonly name: string;
  readonly wire: ByteWire;
  /** How fast the wire is, when it is slow enough to matter. */
  readonly lineBytesPerSecond?: number;
}

/**
 * SMP over a console's byte stream: messages in frames of base64, console text in between
 * (Zephyr's serial console transport).
 */
export class ConsoleConnection implements SmpConnection {
  readonly name: string;
  readonly messageBytesMax: number = SERIAL_MESSAGE_BYTES_MAX;
  readonly bufferOverheadBytes: number = FRAMING_BYTES;
  readonly lineBytesPerSecond: number | undefined;
  readonly #wire: ByteWire;
  readonly #events: ConnectionEvents = new ConnectionEvents();
  #isInterrupted = false;
  readonly #deframer: SerialDeframer = new SerialDeframer({
    maxMessageBytes: SERIAL_MESSAGE_BYTES_MAX,
  });

  constructor(options: ConsoleConnectionOptions) {
    this.name = options.name;
    this.#wire = options.wire;
    this.lineBytesPerSecond = options.lineBytesPerSecond;
  }

  get isInterrupted(): boolean {
    return this.#isInterrupted;
  }

  get closed(): ConnectionClose | undefined {
    return this.#events.closed;
  }

  listen(listener: ConnectionListener): void {
    this.#events.listen(listener);
  }

  async send(message: Uint8Array): Promise<void> {
    if (this.closed === undefined) await this.#wire.write(encodeSerialFrames(message));
  }

  async close(): Promise<void> {
    if (this.closed !== undefined) return;
    this.#events.end(CLOSED_BY_US);
    await this.#wire.close();
  }

  /** To be called with what the wire brings. */
  receive(bytes: Uint8Array): void {
    for (const event of this.#deframer.push(bytes)) {
      // A frame that is not right is dropped without a word: the request is sent again.
      if (event.kind === 'message') this.#events.message(event.bytes);
      else if (event.kind === 'console') this.#events.console(event.bytes);
    }
  }

  /** To be called when the wire carries nothing for now. */
  interrupt(): void {
    this.#isInterrupted = true;
    this.#events.interrupted();
  }

  /** To be called when the wire carries again; what had begun to arrive before is forgotten. */
  resume(): void {
    this.#isInterrupted = false;
    this.#deframer.reset();
    this.#events.resumed();
  }

  /** To be called when the wire has ended by itself. */
  end(reason: ConnectionClose): void {
    this.#events.end(reason);
  }
}
