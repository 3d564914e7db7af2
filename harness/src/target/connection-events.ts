import type { ConnectionClose, ConnectionListener } from './smp-connection.js';

/** What every kind of connection does with its listener: one at a time, and one end. */
export class ConnectionEvents {
  #listener: ConnectionListener | undefined;
  #closed: ConnectionClose | undefined;

  get closed(): ConnectionClose | undefined {
    return this.#closed;
  }

  listen(listener: ConnectionListener): void {
    this.#listener = listener;
  }

  message(message: Uint8Array): void {
    if (this.#closed === undefined) this.#listener?.message(message);
  }

  console(text: Uint8Array): void {
    if (this.#closed === undefined) this.#listener?.console?.(text);
  }

  interrupted(): void {
    if (this.#closed === undefined) this.#listener?.interrupted?.();
  }

  resumed(): void {
    if (this.#closed === undefined) this.#listener?.resumed?.();
  }

  /** Ends the connection; only the first reason counts. */
  end(reason: ConnectionClose): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    this.#listener?.closed?.(reason);
  }
}

/** The end that our own `close()` brings. */
export const CLOSED_BY_US: ConnectionClose = {
  code: 'closed-by-us',
  detail: 'the connection was closed from this side',
};
