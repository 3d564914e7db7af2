const SLOTS_FIRST = 1 << 10;
/** The table is doubled when more than this share of it is taken. */
const FILL_MAX = 0.6;

/**
 * An index from a hash to numbers counted from 0. It only finds candidates: whether one of them is
 * meant, the caller decides by looking at what it stands for.
 */
export class InternTable {
  /** Number + 1 of what is there; 0 is free. */
  #slots: Int32Array = new Int32Array(SLOTS_FIRST);
  #hashes: Int32Array = new Int32Array(SLOTS_FIRST);
  #count = 0;
  #probed = 0;

  get count(): number {
    return this.#count;
  }

  /** The number with this hash that `isIt` accepts; -1 when there is none. */
  find(hash: number, isIt: (candidate: number) => boolean): number {
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const found = this.#slots[slot] ?? 0;
      if (found === 0) return -1;
      if (this.#hashes[slot] === hash && isIt(found - 1)) return found - 1;
    }
  }

  /** The first number with this hash, from a slot on; -1 when there is none. For `nextSlot`. */
  probe(hash: number, from: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = from & mask; ; slot = (slot + 1) & mask) {
      const found = this.#slots[slot] ?? 0;
      if (found === 0) return -1;
      if (this.#hashes[slot] === hash) {
        this.#probed = slot;
        return found - 1;
      }
    }
  }

  /** Where to probe next, behind what `probe` answered. */
  get nextSlot(): number {
    return this.#probed + 1;
  }

  /** Adds the next number, which nobody found, under its hash. */
  add(hash: number): number {
    if (this.#count + 1 > this.#slots.length * FILL_MAX) this.#grow();
    const number = this.#count;
    this.#count += 1;
    this.#put(hash, number);
    return number;
  }

  #put(hash: number, number: number): void {
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = number + 1;
    this.#hashes[slot] = hash;
  }

  #grow(): void {
    const [slots, hashes] = [this.#slots, this.#hashes];
    this.#slots = new Int32Array(slots.length * 2);
    this.#hashes = new Int32Array(slots.length * 2);
    for (let slot = 0; slot < slots.length; slot += 1) {
      const found = slots[slot] ?? 0;
      if (found !== 0) this.#put(hashes[slot] ?? 0, found - 1);
    }
  }
}

/** Mixes another number into a hash of 32 bits. */
export function mixHash(hash: number, value: number): number {
  let mixed = Math.imul(value, 0xcc9e_2d51);
  mixed = (mixed << 15) | (mixed >>> 17);
  mixed = hash ^ Math.imul(mixed, 0x1b87_3593);
  mixed = (mixed << 13) | (mixed >>> 19);
  return (Math.imul(mixed, 5) + 0xe654_6b64) | 0;
}

/** Spreads a hash over all of its bits. */
export function finishHash(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85eb_ca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2_ae35);
  return mixed ^ (mixed >>> 16);
}
