/** How many sessions are remembered; the one that was silent longest is forgotten first. */
export const REMEMBERED_SESSIONS_MAX = 16;

/** How many writes of one session are remembered. */
export const REMEMBERED_WRITES_MAX = 32;

/** All remembered answers together. */
export const REMEMBERED_BYTES_MAX = 65_536;

/**
 * After so many requests the same bytes are a new request: a client counts them in one byte, and
 * comes back to the same number after 256.
 */
export const REMEMBERED_REQUESTS_MAX = 128;

/** What was answered to a request; the answer is undefined when there was none. */
export interface RememberedReply {
  readonly answer: Uint8Array | undefined;
  /** When it was answered, for who asked to have it noted; else 0. */
  readonly atMs: number;
}

interface Entry extends RememberedReply {
  /** The session's count of requests when it came. */
  readonly requestCount: number;
}

interface Session {
  requestCount: number;
  /** By the digest of the request; the oldest first. */
  readonly entries: Map<string, Entry>;
}

/** Remembers what was answered to the last writes of the last sessions, within bounds. */
export class ReplyMemory {
  /** The one that was silent longest first. */
  readonly #sessions = new Map<string, Session>();
  #answerBytes = 0;

  /** Counts a request of a session; to be called for each, before anything else. */
  countRequest(name: string): void {
    const session = this.#sessions.get(name) ?? { requestCount: 0, entries: new Map() };
    session.requestCount += 1;
    this.#sessions.delete(name);
    this.#sessions.set(name, session);
    if (this.#sessions.size > REMEMBERED_SESSIONS_MAX) this.#forgetOldestSession();
  }

  /** What was answered to these bytes in this session. */
  find(name: string, digest: string): RememberedReply | undefined {
    const session = this.#sessions.get(name);
    const entry = session?.entries.get(digest);
    if (session === undefined || entry === undefined) return undefined;
    const age = session.requestCount - entry.requestCount;
    return age < REMEMBERED_REQUESTS_MAX ? entry : undefined;
  }

  remember(name: string, digest: string, answer: Uint8Array | undefined, atMs = 0): void {
    const session = this.#sessions.get(name);
    if (session === undefined) throw new RangeError('the request has not been counted');
    this.#forget(session, digest);
    session.entries.set(digest, { answer, atMs, requestCount: session.requestCount });
    this.#answerBytes += answer?.byteLength ?? 0;
    if (session.entries.size > REMEMBERED_WRITES_MAX) this.#forgetOldest(session);
    while (this.#answerBytes > REMEMBERED_BYTES_MAX) this.#forgetOldestAnswer();
  }

  #forgetOldestAnswer(): void {
    for (const session of this.#sessions.values()) {
      if (session.entries.size === 0) continue;
      this.#forgetOldest(session);
      return;
    }
  }

  #forgetOldestSession(): void {
    for (const [name, session] of this.#sessions) {
      for (const digest of session.entries.keys()) this.#forget(session, digest);
      this.#sessions.delete(name);
      return;
    }
  }

  #forgetOldest(session: Session): void {
    for (const digest of session.entries.keys()) {
      this.#forget(session, digest);
      return;
    }
  }

  #forget(session: Session, digest: string): void {
    this.#answerBytes -= session.entries.get(digest)?.answer?.byteLength ?? 0;
    session.entries.delete(digest);
  }
}
