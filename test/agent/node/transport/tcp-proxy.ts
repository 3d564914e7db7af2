import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';

/** The same numbers for the same seed, from 0 up to 1 (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What a bad network does, all of it decided by a seed. */
export interface NetworkTrouble {
  readonly seed: number;
  /** So many connections end early; those after them are left in peace. */
  readonly cuts: number;
  /** A connection carries at most so much before its end. */
  readonly bytesMax: number;
  readonly delayMsMax: number;
}

const SWALLOW_MS = 100;

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
  /** Passes on what it gets as it is. */
  isPiped: boolean;
}

/** A network between a client and a broker, which the test can disturb. */
export class TcpProxy {
  readonly #server: Server;
  readonly #targetPort: number;
  readonly #pairs: Set<Pair> = new Set<Pair>();
  #isFrozen = false;
  #trouble: { readonly what: NetworkTrouble; readonly random: () => number } | undefined;
  /** How many connections were accepted. */
  accepted = 0;
  /** How many were ended by trouble. */
  cut = 0;
  port = 0;

  private constructor(targetPort: number) {
    this.#targetPort = targetPort;
    this.#server = createServer({ noDelay: true }, (near) => {
      this.#accept(near);
    });
  }

  static async start(targetPort: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(targetPort);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    const address = proxy.#server.address();
    proxy.port = typeof address === 'object' && address !== null ? address.port : 0;
    return proxy;
  }

  /** From now on connections are accepted, and nothing passes. */
  freeze(): void {
    this.#isFrozen = true;
    for (const { near, far } of this.#pairs) {
      // A pipe would flow again by itself as soon as its other side has room.
      near.unpipe(far).pause();
      far.unpipe(near).pause();
    }
  }

  /** What waited passes. */
  thaw(): void {
    this.#isFrozen = false;
    for (const pair of this.#pairs) {
      const { near, far } = pair;
      if (near.destroyed || far.destroyed) this.#end(pair);
      if (pair.isPiped) {
        near.pipe(far);
        far.pipe(near);
      }
      near.resume();
      far.resume();
    }
  }

  /** Ends every connection at once. */
  cutAll(): void {
    for (const pair of this.#pairs) this.#end(pair);
  }

  /** From the next connection on the network is a bad one. */
  disturb(what: NetworkTrouble): void {
    this.#trouble = { what, random: seededRandom(what.seed) };
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
    this.cutAll();
    await closed;
  }

  #accept(near: Socket): void {
    this.accepted += 1;
    const far = connect({ host: '127.0.0.1', port: this.#targetPort, noDelay: true });
    const pair = { near, far, isPiped: true };
    this.#pairs.add(pair);
    const end = (): void => {
      // Nothing passes, the news of an end neither.
      if (!this.#isFrozen) this.#end(pair);
    };
    for (const socket of [near, far]) {
      socket.on('error', end);
      socket.on('close', end);
      socket.on('end', end);
    }
    const trouble = this.#trouble;
    const carries =
      trouble === undefined || this.cut >= trouble.what.cuts
        ? undefined
        : this.#doom(pair, trouble.what, trouble.random);
    pair.isPiped = carries === undefined;
    forward(near, far, carries);
    forward(far, near, carries);
    if (this.#isFrozen) {
      near.unpipe(far).pause();
      far.unpipe(near).pause();
    }
  }

  #end(pair: Pair): void {
    pair.near.destroy();
    pair.far.destroy();
    this.#pairs.delete(pair);
  }

  /** Ends a connection after some bytes: at once, or by swallowing what follows for a while. */
  #doom(pair: Pair, what: NetworkTrouble, random: () => number): Carries {
    this.cut += 1;
    let leftBytes = Math.ceil(random() * what.bytesMax);
    const swallows = random() < 0.5;
    const end = (): void => {
      pair.near.destroy();
      pair.far.destroy();
    };
    return (chunk) => {
      const bytes = chunk.subarray(0, Math.max(0, leftBytes));
      const wasAlive = leftBytes > 0;
      leftBytes -= chunk.byteLength;
      if (wasAlive && leftBytes <= 0) setTimeout(end, swallows ? SWALLOW_MS : 0);
      return { bytes, delayMs: random() * what.delayMsMax };
    };
  }
}

type Carries = (chunk: Uint8Array) => { readonly bytes: Uint8Array; readonly delayMs: number };

/** Passes on what arrives, in its order, as fast as the other side takes it. */
function forward(from: Socket, to: Socket, carries: Carries | undefined): void {
  if (carries === undefined) {
    from.pipe(to);
    return;
  }
  let last: Promise<void> = Promise.resolve();
  from.on('data', (chunk: Uint8Array) => {
    const { bytes, delayMs } = carries(chunk);
    last = last.then(async () => {
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      if (bytes.byteLength > 0 && !to.destroyed) to.write(bytes);
    });
  });
}
