import type { ContentPool } from './content-pool.js';

/** Where the bytes of a write come from: a sector that is known, or anywhere. */
type DataOrigin =
  | { readonly content: number; readonly start: number; readonly lengthBytes: number }
  | { readonly bytes: Uint8Array };

/** Views of one sector start and end below this. */
const SECTOR_BYTES_LIMIT = 2 ** 26;

/**
 * The data of writes, each kept once. Most of it was read from a sector just before, and is known
 * by that, without a look at the bytes.
 */
export class WriteData {
  readonly #contents: ContentPool;
  readonly #origins: DataOrigin[] = [];
  readonly #views: Map<number, Map<number, number>> = new Map();
  readonly #texts: Map<string, number> = new Map();

  constructor(contents: ContentPool) {
    this.#contents = contents;
  }

  /** The number of these bytes; equal bytes from different places may have different ones. */
  intern(bytes: Uint8Array): number {
    const owner = this.#contents.ownerOf(bytes);
    return owner === undefined ? this.#internBytes(bytes) : this.#internView(owner, bytes);
  }

  /** What a number stands for. Not to be changed. */
  bytes(data: number): Uint8Array {
    const origin = this.#origins[data];
    if (origin === undefined) throw new RangeError(`no data ${data}`);
    if ('bytes' in origin) return origin.bytes;
    const { content, start, lengthBytes } = origin;
    return this.#contents.contents(content).bytes.subarray(start, start + lengthBytes);
  }

  /** The contents that data was read from; undefined for bytes from elsewhere. */
  ownerOf(data: number): number | undefined {
    const origin = this.#origins[data];
    return origin !== undefined && 'content' in origin ? origin.content : undefined;
  }

  #internView(content: number, view: Uint8Array): number {
    const { byteOffset: start, byteLength: lengthBytes } = view;
    let known = this.#views.get(content);
    if (known === undefined) {
      known = new Map();
      this.#views.set(content, known);
    }
    const key = start * SECTOR_BYTES_LIMIT + lengthBytes;
    const found = known.get(key);
    if (found !== undefined) return found;
    known.set(key, this.#origins.length);
    return this.#origins.push({ content, start, lengthBytes }) - 1;
  }

  #internBytes(bytes: Uint8Array): number {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
    const found = this.#texts.get(text);
    if (found !== undefined) return found;
    this.#texts.set(text, this.#origins.length);
    return this.#origins.push({ bytes: bytes.slice() }) - 1;
  }
}
