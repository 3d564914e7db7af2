import type { SectorContents } from '@brickproof/bootloader-sim';
import { finishHash, InternTable, mixHash } from './intern-table.js';

/** How many contents that can be made again are kept at hand. */
const KEPT_MAX = 2_048;

/** Makes the contents of a number again, from what they came from. */
export type ContentSource = (content: number) => SectorContents;

/**
 * What sectors hold, each kept once: contents are equal exactly when their numbers are. Only a few
 * are kept as bytes; the others are made again when somebody looks.
 */
export class ContentPool {
  readonly #table: InternTable = new InternTable();
  readonly #pinned: Map<number, SectorContents> = new Map();
  readonly #kept: Map<number, SectorContents> = new Map();
  /** Whose bytes these are, for those who hand on what they read. */
  readonly #owners: WeakMap<ArrayBufferLike, number> = new WeakMap();
  readonly #make: ContentSource;
  readonly #hash: (contents: SectorContents) => number;

  /** The hash only finds candidates: a bad one makes it slow, never wrong. */
  constructor(make: ContentSource, hash: (contents: SectorContents) => number = hashOf) {
    this.#make = make;
    this.#hash = hash;
  }

  get count(): number {
    return this.#table.count;
  }

  /** The number of these contents; new ones take the next number. */
  intern(given: SectorContents): number {
    const contents = ownedBytes(given);
    const hash = this.#hash(contents);
    const found = this.#table.find(hash, (candidate) => isSame(this.contents(candidate), contents));
    if (found >= 0) return found;
    const added = this.#table.add(hash);
    this.#keep(added, contents);
    return added;
  }

  /** Keeps contents for good: they cannot be made again, or are often looked at. */
  pin(content: number): void {
    if (!this.#pinned.has(content)) this.#pinned.set(content, this.contents(content));
  }

  /** What a number stands for. Not to be changed. */
  contents(content: number): SectorContents {
    const known = this.#pinned.get(content) ?? this.#kept.get(content);
    if (known !== undefined) return known;
    const made = ownedBytes(this.#make(content));
    this.#keep(content, made);
    return made;
  }

  /** Whose bytes a view shows; undefined for bytes from elsewhere. */
  ownerOf(bytes: Uint8Array): number | undefined {
    return this.#owners.get(bytes.buffer);
  }

  #keep(content: number, contents: SectorContents): void {
    this.#owners.set(contents.bytes.buffer, content);
    this.#kept.set(content, contents);
    if (this.#kept.size <= KEPT_MAX) return;
    // A map keeps the order in which things were added: the oldest goes.
    for (const oldest of this.#kept.keys()) {
      this.#kept.delete(oldest);
      break;
    }
  }
}

/** Contents in arrays that share their buffers with nothing else. */
function ownedBytes(contents: SectorContents): SectorContents {
  const { bytes, programmed, unstable } = contents;
  if (isAlone(bytes) && isAlone(programmed) && (unstable === undefined || isAlone(unstable))) {
    return contents;
  }
  return { bytes: bytes.slice(), programmed: programmed.slice(), unstable: unstable?.slice() };
}

function isAlone(bytes: Uint8Array): boolean {
  return bytes.byteLength === bytes.buffer.byteLength;
}

const WORD_BYTES = 4;

function hashOf({ bytes, programmed, unstable }: SectorContents): number {
  let hash = hashBytes(0, bytes);
  hash = hashBytes(hash, programmed);
  if (unstable !== undefined) hash = hashBytes(hash, unstable);
  return finishHash(hash);
}

function hashBytes(start: number, bytes: Uint8Array): number {
  let hash = start;
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
  for (let index = 0; index < words.length; index += 1) hash = mixHash(hash, words[index] ?? 0);
  for (let index = words.length * WORD_BYTES; index < bytes.byteLength; index += 1) {
    hash = mixHash(hash, bytes[index] ?? 0);
  }
  return hash;
}

function isSame(a: SectorContents, b: SectorContents): boolean {
  if (a === b) return true;
  const isUnstableSame =
    a.unstable === undefined || b.unstable === undefined
      ? a.unstable === b.unstable
      : Buffer.compare(a.unstable, b.unstable) === 0;
  return (
    isUnstableSame &&
    Buffer.compare(a.bytes, b.bytes) === 0 &&
    Buffer.compare(a.programmed, b.programmed) === 0
  );
}
