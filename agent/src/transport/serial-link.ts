import { SerialDeframer, encodeSerialFrames } from '../smp/serial-framing.js';
import type { SerialDropCode } from '../smp/serial-framing.js';

/** Answers one request; undefined when there is nothing to answer. */
export type RequestHandler = (request: Uint8Array) => Uint8Array | undefined;

/** What a link is made of. */
export interface SerialLinkOptions {
  readonly handle: RequestHandler;
  /** Longer messages are dropped. */
  readonly maxMessageBytes: number;
}

/** What came of some bytes from the line. */
export interface SerialLinkOutput {
  /** To be sent back: each answer in its frames, in the order of the requests. */
  readonly answers: readonly Uint8Array[];
  /** What was typed at the console, outside of all frames. */
  readonly console: readonly Uint8Array[];
  /** Why frames were dropped. */
  readonly dropped: readonly SerialDropCode[];
}

/** Joins a console's byte stream with a server: bytes in, answers out. */
export class SerialLink {
  readonly #handle: RequestHandler;
  readonly #deframer: SerialDeframer;

  constructor(options: SerialLinkOptions) {
    this.#handle = options.handle;
    this.#deframer = new SerialDeframer(options);
  }

  /** Takes the next bytes of the line, however they are cut. */
  receive(bytes: Uint8Array): SerialLinkOutput {
    const answers: Uint8Array[] = [];
    const console: Uint8Array[] = [];
    const dropped: SerialDropCode[] = [];
    for (const event of this.#deframer.push(bytes)) {
      if (event.kind === 'dropped') dropped.push(event.code);
      else if (event.kind === 'console') console.push(event.bytes);
      else {
        const response = this.#handle(event.bytes);
        if (response !== undefined) answers.push(encodeSerialFrames(response));
      }
    }
    return { answers, console, dropped };
  }

  /** To be called when the line was lost: half a frame from before says nothing afterwards. */
  reset(): void {
    this.#deframer.reset();
  }
}
