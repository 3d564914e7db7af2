import { SerialLink } from '../../transport/serial-link.js';
import type { RequestHandler } from '../../transport/serial-link.js';
import { openTerminal } from './open-terminal.js';
import type { OpenTerminalRejectCode, Terminal } from './open-terminal.js';
import { RetryDelay } from './retry-delay.js';
import { SERIAL_LOCK_FOLDER_DEFAULT, takeSerialLock } from './serial-lock.js';
import type { SerialLock } from './serial-lock.js';
import type { SerialSetup } from './serial-settings.js';
import { PROCESS_CLOCK } from './transport-clock.js';
import type { CancelDelay, TransportClock } from './transport-clock.js';
import { WriteQueue } from './write-queue.js';

/** How often we look whether the path still leads to the port; a vanished one may stay silent. */
export const SERIAL_PRESENCE_INTERVAL_MS = 500;
/** How long a stop waits for answers to leave. */
export const SERIAL_STOP_FLUSH_MS = 500;

/** Why a line is not open, or no longer. */
export type SerialLineCode = OpenTerminalRejectCode | 'serial-port-lost' | 'serial-port-replaced';

/** `waiting`: until the next try to open the port. */
export type SerialLineState = 'stopped' | 'opening' | 'open' | 'waiting';

/** Who is told what becomes of a line. */
export interface SerialLineListener {
  opened?(path: string): void;
  /** The port was lost, or cannot be opened; told once for as long as the cause stays the same. */
  lost?(code: SerialLineCode, detail: string): void;
  /** Something to know that keeps nothing from working. */
  note?(detail: string): void;
  /** What came between the frames. Valid until the listener returns. */
  console?(bytes: Uint8Array): void;
}

/** What a line is made of. */
export interface SerialLineOptions extends SerialSetup {
  /** Answers one SMP message. */
  readonly handle: RequestHandler;
  readonly maxMessageBytes: number;
  readonly listener?: SerialLineListener;
  /** Where the port is locked against other programs. */
  readonly lockFolder?: string;
  readonly clock?: TransportClock;
}

interface OpenLine {
  readonly terminal: Terminal;
  readonly queue: WriteQueue;
  readonly lock: SerialLock;
  readonly openedMs: number;
}

/**
 * SMP on a serial port, for as long as it is started: a port that vanishes is opened again when
 * it is back, and so is one that is not there yet.
 */
export class SerialLine {
  readonly #options: SerialLineOptions;
  readonly #clock: TransportClock;
  readonly #link: SerialLink;
  readonly #retry: RetryDelay = new RetryDelay();
  #state: SerialLineState = 'stopped';
  #open: OpenLine | undefined;
  #cancelDelay: CancelDelay | undefined;
  /** Ends with the start it belongs to: what was begun before it is given up. */
  #run = 0;
  #toldCode: SerialLineCode | undefined;
  #toldNote: string | undefined;
  #droppedAnswers = 0;

  constructor(options: SerialLineOptions) {
    this.#options = options;
    this.#clock = options.clock ?? PROCESS_CLOCK;
    this.#link = new SerialLink(options);
  }

  get state(): SerialLineState {
    return this.#state;
  }

  /** Answers that the port did not take, because nobody reads there. */
  get droppedAnswers(): number {
    return this.#droppedAnswers;
  }

  start(): void {
    if (this.#state !== 'stopped') return;
    this.#run += 1;
    void this.#openPort(this.#run);
  }

  /**
   * Closes the port, after what was answered has left or `SERIAL_STOP_FLUSH_MS` have passed. May be
   * started again once this has resolved.
   */
  async stop(): Promise<void> {
    this.#run += 1;
    this.#state = 'stopped';
    this.#toldCode = undefined;
    const open = this.#open;
    if (open !== undefined) await this.#flush(open.queue);
    if (open === this.#open) this.#closePort();
  }

  /** Sends text for people, between the frames. */
  print(text: Uint8Array): void {
    this.#open?.queue.push(text);
  }

  async #openPort(run: number): Promise<void> {
    this.#state = 'opening';
    const { path, lockFolder = SERIAL_LOCK_FOLDER_DEFAULT } = this.#options;
    const lock = takeSerialLock({ path, folder: lockFolder });
    if (!lock.ok) {
      this.#wait(lock.code, lock.detail);
      return;
    }
    const terminal = await openTerminal(this.#options);
    if (run !== this.#run) {
      // Stopped, and perhaps started again, in the meantime.
      if (terminal.ok) terminal.value.close();
      lock.value.release();
    } else if (terminal.ok) {
      this.#use(terminal.value, lock.value);
    } else {
      lock.value.release();
      this.#wait(terminal.code, terminal.detail);
    }
  }

  #use(terminal: Terminal, lock: SerialLock): void {
    const queue = new WriteQueue({
      descriptor: terminal.descriptor,
      clock: this.#clock,
      failed: (error) => {
        this.#lose(terminal, 'serial-port-lost', error.message);
      },
    });
    this.#open = { terminal, queue, lock, openedMs: this.#clock.nowMs() };
    this.#state = 'open';
    this.#toldCode = undefined;
    this.#link.reset();
    this.#listenTo(terminal);
    this.#watch(terminal);
    this.#note(lock.note);
    this.#options.listener?.opened?.(this.#options.path);
  }

  #listenTo(terminal: Terminal): void {
    const { reader } = terminal;
    reader.on('data', (bytes) => {
      if (this.#open?.terminal === terminal && this.#state === 'open') this.#receive(bytes);
    });
    // A port that is unplugged ends, as a file does.
    const lose = (): void => {
      this.#lose(terminal, 'serial-port-lost', 'it hung up');
    };
    reader.on('error', lose);
    reader.on('end', lose);
    reader.on('close', lose);
  }

  #receive(bytes: Uint8Array): void {
    const { answers, console } = this.#link.receive(bytes);
    for (const answer of answers) {
      if (this.#open?.queue.push(answer) !== true) this.#droppedAnswers += 1;
    }
    for (const text of console) this.#options.listener?.console?.(text);
  }

  #watch(terminal: Terminal): void {
    this.#cancelDelay = this.#clock.after(SERIAL_PRESENCE_INTERVAL_MS, () => {
      void terminal.isStillAt(this.#options.path).then((presence) => {
        if (this.#open?.terminal !== terminal || this.#state !== 'open') return;
        if (presence === 'here') this.#watch(terminal);
        else if (presence === 'gone') this.#lose(terminal, 'serial-port-lost', 'its path is gone');
        else this.#lose(terminal, 'serial-port-replaced', 'its path leads to another device');
      });
    });
  }

  #lose(terminal: Terminal, code: 'serial-port-lost' | 'serial-port-replaced', why: string): void {
    const open = this.#open;
    if (open?.terminal !== terminal) return;
    this.#closePort();
    if (this.#state === 'stopped') return;
    this.#retry.noteHeld(this.#clock.nowMs() - open.openedMs);
    this.#wait(code, `${this.#options.path} was lost (${why}); it is opened again when it is back`);
  }

  #wait(code: SerialLineCode, detail: string): void {
    const run = this.#run;
    this.#state = 'waiting';
    this.#cancelDelay = this.#clock.after(this.#retry.takeMs(), () => {
      if (run === this.#run) void this.#openPort(run);
    });
    if (this.#toldCode === code) return;
    this.#toldCode = code;
    this.#options.listener?.lost?.(code, detail);
  }

  #closePort(): void {
    this.#cancelDelay?.();
    const open = this.#open;
    this.#open = undefined;
    open?.queue.close();
    open?.terminal.close();
    open?.lock.release();
  }

  #flush(queue: WriteQueue): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(SERIAL_STOP_FLUSH_MS, resolve);
      queue.onEmpty(() => {
        cancel();
        resolve();
      });
    });
  }

  #note(detail: string | undefined): void {
    if (detail === undefined || detail === this.#toldNote) return;
    this.#toldNote = detail;
    this.#options.listener?.note?.(detail);
  }
}
