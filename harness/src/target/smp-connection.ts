/** Why a target could not be opened. */
export type TargetRejectCode =
  | 'target-malformed'
  | 'target-not-found'
  | 'target-access-denied'
  | 'target-busy'
  | 'target-unreachable'
  | 'target-timeout'
  | 'target-offline'
  | 'target-unavailable'
  | 'target-untrusted'
  | 'target-plaintext-refused'
  | 'target-credentials-malformed';

/** Why an open connection ended. */
export type ConnectionCloseCode = 'closed-by-us' | 'connection-lost' | 'device-offline';

/** The end of a connection: a code for programs, a sentence for people. */
export interface ConnectionClose {
  readonly code: ConnectionCloseCode;
  readonly detail: string;
}

/** What a connection tells its one user. */
export interface ConnectionListener {
  /** One whole SMP message. It is valid until the listener returns. */
  message(message: Uint8Array): void;
  /** Text that the device printed between the messages, as it came. */
  console?(text: Uint8Array): void;
  /** The way is gone for now, and waited for: what is sent until it is back is lost. */
  interrupted?(): void;
  /** The way was interrupted and is there again: what was under way may be lost. */
  resumed?(): void;
  /** The connection ended. Told once; nothing follows. */
  closed?(reason: ConnectionClose): void;
}

/**
 * A way to a device that carries whole SMP messages, whatever lies underneath. It may lose,
 * repeat and reorder them; the client above makes good.
 */
export interface SmpConnection {
  /** The target, as people write it. */
  readonly name: string;
  /** The largest message the way takes. What the device takes is asked of the device. */
  readonly messageBytesMax: number;
  /** What a message takes in the device's buffer beside itself, on this way. */
  readonly bufferOverheadBytes: number;
  /** How fast the way is, when it is slow enough that answers have to wait for the line. */
  readonly lineBytesPerSecond: number | undefined;
  /** Why it ended, or undefined while it is open. */
  readonly closed: ConnectionClose | undefined;
  /**
   * Whether the way is broken just now and expected back: waiting for an answer makes no sense.
   * It then either ends or resumes. A way that cannot come back leaves this out.
   */
  readonly isInterrupted?: boolean;
  /** Sets who is told; the previous one is told nothing more. */
  listen(listener: ConnectionListener): void;
  /**
   * Sends one message; resolves when the way took it, which says nothing about the device. On a
   * connection that has ended it resolves and does nothing: `closed` says so.
   */
  send(message: Uint8Array): Promise<void>;
  /** Ends the connection, from our side. */
  close(): Promise<void>;
}

/** What all kinds of targets share when they are opened. */
export interface OpenOptions {
  /** How long opening may take. */
  readonly connectTimeoutMs?: number;
}

/** How long opening may take when nobody says. */
export const CONNECT_TIMEOUT_MS_DEFAULT = 5_000;
