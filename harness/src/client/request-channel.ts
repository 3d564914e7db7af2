import { randomInt } from 'node:crypto';
import { decodeSmpBody, decodeSmpHeader, encodeSmpMessage, responseOp } from '@brickproof/agent';
import { SMP_HEADER_SIZE_BYTES } from '@brickproof/agent';
import type { SmpBody, SmpHeader, SmpOp, SmpVersion } from '@brickproof/agent';
import type { ConnectionClose, SmpConnection } from '../target/smp-connection.js';
import { fail } from './smp-result.js';
import type { SmpResult } from './smp-result.js';

/** How long an answer may take before the request is sent again. */
export const SMP_TIMEOUT_MS_DEFAULT = 2_500;
/** How often a request is sent again after its first time. */
export const SMP_RETRIES_DEFAULT = 3;
/** How long the device may work on its flash before it answers. */
export const SLOW_FLASH_WAIT_MS = 30_000;
/** How often a request is sent again because its way was gone and is back, beside its retries. */
export const SMP_RESUMES_MAX = 8;
/** How many requests may wait for their answers at once. */
export const SMP_REQUESTS_IN_FLIGHT_MAX = 16;

const SEQUENCE_COUNT = 256;
const MS_PER_SECOND = 1_000;
/** Base64 and frame markers, rounded up: what a message grows to on a slow serial line. */
const LINE_GROWTH = 1.5;
/** What most answers stay below; their time on a slow line is waited for. */
const ANSWER_BYTES = 512;

/** One request, before it has a sequence number. */
export interface SmpRequest {
  readonly op: Extract<SmpOp, 'read' | 'write'>;
  readonly group: number;
  readonly command: number;
  readonly body: SmpBody;
  readonly timeoutMs?: number;
  readonly retries?: number;
  /** Sends again as often as it takes to have waited so long. */
  readonly waitMs?: number;
  /** Not sent again when the way was gone and is back. */
  readonly isOnce?: boolean;
  /** How long the answer may be, where it is longer than most. */
  readonly answerBytes?: number;
}

/** A request under way. */
export interface PendingResponse {
  /** Never rejects. The body's byte strings are views that last. */
  readonly response: Promise<SmpResult<SmpBody>>;
  /** Gives up waiting: `smp-cancelled`. A late answer is ignored. */
  readonly cancel: () => void;
}

/** How patient the channel is. */
export interface RequestChannelOptions {
  readonly timeoutMs?: number;
  readonly retries?: number;
  /** The first sequence number, 0 to 255. By default a random one: no two runs look alike. */
  readonly firstSequence?: number;
}

/** What happened on the channel, for reports and tests. */
export interface RequestStatistics {
  readonly sent: number;
  readonly resent: number;
  /** Answers that nobody waited for: late, doubled, or not ours. */
  readonly ignored: number;
}

interface Waiting {
  readonly header: Pick<SmpHeader, 'group' | 'command'> & { readonly op: SmpOp };
  readonly bytes: Uint8Array;
  readonly answerBytes: number;
  readonly timeoutMs: number;
  retriesLeft: number;
  resumesLeft: number;
  readonly attemptsMax: number;
  timer: NodeJS.Timeout | undefined;
  readonly settle: (result: SmpResult<SmpBody>) => void;
}

/**
 * Sends requests over a connection and finds their answers: by sequence number, group and command.
 * What is not answered in time is sent again, the same bytes with the same number, so that a
 * device that saw it already can tell.
 */
export class RequestChannel {
  readonly #connection: SmpConnection;
  readonly #timeoutMs: number;
  readonly #retries: number;
  readonly #waiting: Map<number, Waiting> = new Map<number, Waiting>();
  #nextSequence: number;
  #sent = 0;
  #resent = 0;
  #ignored = 0;

  constructor(connection: SmpConnection, options: RequestChannelOptions = {}) {
    this.#connection = connection;
    this.#timeoutMs = options.timeoutMs ?? SMP_TIMEOUT_MS_DEFAULT;
    this.#retries = options.retries ?? SMP_RETRIES_DEFAULT;
    this.#nextSequence = options.firstSequence ?? randomInt(SEQUENCE_COUNT);
  }

  get statistics(): RequestStatistics {
    return { sent: this.#sent, resent: this.#resent, ignored: this.#ignored };
  }

  get inFlight(): number {
    return this.#waiting.size;
  }

  /** To be called with each message the connection brings. */
  receive(message: Uint8Array): void {
    const header = decodeSmpHeader(message);
    if (!header.ok) {
      this.#ignored += 1;
      return;
    }
    const { sequence, group, command, op, lengthBytes } = header.value;
    const waiting = this.#waiting.get(sequence);
    const ours =
      waiting?.header.group === group &&
      waiting.header.command === command &&
      waiting.header.op === op;
    if (!ours || lengthBytes !== message.byteLength - SMP_HEADER_SIZE_BYTES) {
      this.#ignored += 1;
      return;
    }
    // A copy: the connection may use its buffer again, and byte strings are views.
    const body = decodeSmpBody(message.slice(SMP_HEADER_SIZE_BYTES));
    if (body.ok) this.#settle(sequence, body);
    else this.#settle(sequence, fail('smp-response-malformed', `the answer is ${body.detail}`));
  }

  /** To be called when the connection has ended: nothing more will be answered. */
  end(reason: ConnectionClose): void {
    for (const sequence of [...this.#waiting.keys()]) {
      this.#settle(sequence, fail(reason.code, reason.detail));
    }
  }

  /**
   * To be called when the way is there again: what waits is sent again, at once. No try is used
   * up by that; a device that saw the bytes before can tell. What is to be sent only once, a
   * reset, is not: the way may have gone because of it.
   */
  resume(): void {
    for (const [sequence, waiting] of [...this.#waiting]) {
      if (waiting.resumesLeft === 0) continue;
      waiting.resumesLeft -= 1;
      this.#resent += 1;
      clearTimeout(waiting.timer);
      this.#transmit(sequence);
    }
  }

  /** Sends a request. More than `SMP_REQUESTS_IN_FLIGHT_MAX` at once is our own mistake. */
  start(request: SmpRequest, version: SmpVersion): PendingResponse {
    const ended = this.#connection.closed;
    if (ended !== undefined) return settled(fail(ended.code, ended.detail));
    if (this.#waiting.size >= SMP_REQUESTS_IN_FLIGHT_MAX) {
      throw new RangeError(`more than ${SMP_REQUESTS_IN_FLIGHT_MAX} requests in flight`);
    }
    const sequence = this.#takeSequence();
    const bytes = encodeSmpMessage({ ...request, version, sequence });
    const limit = this.#connection.messageBytesMax;
    if (bytes.byteLength > limit) {
      const detail = `the request has ${bytes.byteLength} bytes, the connection takes ${limit}`;
      return settled(fail('smp-request-too-large', detail));
    }
    const response = new Promise<SmpResult<SmpBody>>((settle) => {
      this.#waiting.set(sequence, this.#waitFor(request, bytes, settle));
    });
    this.#transmit(sequence);
    return {
      response,
      cancel: () => {
        this.#settle(sequence, fail('smp-cancelled', 'the request was given up'));
      },
    };
  }

  #waitFor(
    request: SmpRequest,
    bytes: Uint8Array,
    settle: (result: SmpResult<SmpBody>) => void,
  ): Waiting {
    const timeoutMs = request.timeoutMs ?? this.#timeoutMs;
    const forWait = Math.ceil((request.waitMs ?? 0) / timeoutMs) - 1;
    const retries = Math.max(request.retries ?? this.#retries, forWait);
    return {
      header: {
        group: request.group,
        command: request.command,
        op: responseOp(request.op) ?? 'read-response',
      },
      bytes,
      answerBytes: request.answerBytes ?? ANSWER_BYTES,
      timeoutMs,
      retriesLeft: retries,
      resumesLeft: request.isOnce === true ? 0 : SMP_RESUMES_MAX,
      attemptsMax: retries + 1,
      timer: undefined,
      settle,
    };
  }

  #transmit(sequence: number): void {
    const waiting = this.#waiting.get(sequence);
    if (waiting === undefined) return;
    this.#sent += 1;
    this.#startTimer(sequence, waiting);
    void this.#connection.send(waiting.bytes);
  }

  /** The clock runs from now, not from when the line took it: a line that takes nothing is dead. */
  #startTimer(sequence: number, waiting: Waiting): void {
    waiting.timer = setTimeout(() => {
      this.#onTimeout(sequence, waiting);
    }, waiting.timeoutMs + this.#lineDelayMs());
  }

  #onTimeout(sequence: number, waiting: Waiting): void {
    if (this.#connection.isInterrupted === true && waiting.resumesLeft > 0) {
      // Nobody could answer. The way comes back or ends, within a time of its own.
      this.#startTimer(sequence, waiting);
      return;
    }
    if (waiting.retriesLeft > 0) {
      waiting.retriesLeft -= 1;
      this.#resent += 1;
      this.#transmit(sequence);
      return;
    }
    const tries = waiting.attemptsMax === 1 ? 'one try' : `${waiting.attemptsMax} tries`;
    const detail =
      `no answer from ${this.#connection.name} (${tries}, ${waiting.timeoutMs} ms each); ` +
      'check that the device runs and speaks SMP there';
    this.#settle(sequence, fail('smp-timeout', detail));
  }

  /** How long a slow line needs for everything that is under way, and for the answers. */
  #lineDelayMs(): number {
    const rate = this.#connection.lineBytesPerSecond;
    if (rate === undefined) return 0;
    let bytes = 0;
    for (const waiting of this.#waiting.values()) {
      bytes += waiting.bytes.byteLength + waiting.answerBytes;
    }
    return (bytes * LINE_GROWTH * MS_PER_SECOND) / rate;
  }

  #settle(sequence: number, result: SmpResult<SmpBody>): void {
    const waiting = this.#waiting.get(sequence);
    if (waiting === undefined) return;
    clearTimeout(waiting.timer);
    this.#waiting.delete(sequence);
    waiting.settle(result);
  }

  /** The next number that no waiting request has: there are more numbers than requests. */
  #takeSequence(): number {
    while (this.#waiting.has(this.#nextSequence)) this.#advance();
    const sequence = this.#nextSequence;
    this.#advance();
    return sequence;
  }

  #advance(): void {
    this.#nextSequence = (this.#nextSequence + 1) % SEQUENCE_COUNT;
  }
}

function settled(result: SmpResult<SmpBody>): PendingResponse {
  return { response: Promise.resolve(result), cancel: () => undefined };
}
