import { ConnectionEvents } from '../target/connection-events.js';
import type {
  ConnectionClose,
  ConnectionListener,
  SmpConnection,
} from '../target/smp-connection.js';

/**
 * A connection over which sending takes board time, so that an upload takes as long on the board's
 * clock as on a real line. It can also be ended from outside, as when the board behind it is gone.
 */
export class TimedConnection implements SmpConnection {
  readonly name: string;
  readonly messageBytesMax: number;
  readonly bufferOverheadBytes: number;
  readonly lineBytesPerSecond: number | undefined;
  readonly #inner: SmpConnection;
  readonly #beforeSend: ((lengthBytes: number) => void) | undefined;
  readonly #events: ConnectionEvents = new ConnectionEvents();

  /** `beforeSend` lets the time pass that these bytes take; without it real time does. */
  constructor(inner: SmpConnection, beforeSend: ((lengthBytes: number) => void) | undefined) {
    this.name = inner.name;
    this.messageBytesMax = inner.messageBytesMax;
    this.bufferOverheadBytes = inner.bufferOverheadBytes;
    // Where board time stands for the line, the line itself is as fast as this machine.
    this.lineBytesPerSecond = beforeSend === undefined ? inner.lineBytesPerSecond : undefined;
    this.#inner = inner;
    this.#beforeSend = beforeSend;
    inner.listen({
      message: (message) => {
        this.#events.message(message);
      },
      console: (text) => {
        this.#events.console(text);
      },
      resumed: () => {
        this.#events.resumed();
      },
      closed: (reason) => {
        this.#events.end(reason);
      },
    });
    if (inner.closed !== undefined) this.#events.end(inner.closed);
  }

  get closed(): ConnectionClose | undefined {
    return this.#events.closed;
  }

  get isInterrupted(): boolean {
    return this.#inner.isInterrupted ?? false;
  }

  listen(listener: ConnectionListener): void {
    this.#events.listen(listener);
  }

  async send(message: Uint8Array): Promise<void> {
    if (this.closed !== undefined) return;
    // What is not sent takes no time.
    if (!this.isInterrupted) this.#beforeSend?.(message.byteLength);
    await this.#inner.send(message);
  }

  close(): Promise<void> {
    return this.cutOff({ code: 'closed-by-us', detail: 'the connection was closed' });
  }

  /** Ends it for another reason than our own wish. */
  async cutOff(reason: ConnectionClose): Promise<void> {
    this.#events.end(reason);
    await this.#inner.close();
  }
}
