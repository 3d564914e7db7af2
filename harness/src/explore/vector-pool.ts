import { finishHash, InternTable, mixHash } from './intern-table.js';
import { NumberList } from './number-list.js';

/** Children of one node of a vector's tree. */
const FAN_OUT = 16;
const FAN_OUT_BITS = 4;

/**
 * Vectors of whole numbers, all of one length, each kept once: two vectors are equal exactly when
 * their roots are the same number. A vector is a tree of nodes that are shared with all others, so
 * that another number in one place makes one new node for each level: two or three for a flash.
 */
export class VectorPool {
  readonly length: number;
  readonly #levels: number;
  readonly #children: NumberList = new NumberList();
  readonly #table: InternTable = new InternTable();
  /** The node that is looked for. */
  readonly #wanted: Int32Array = new Int32Array(FAN_OUT);
  readonly #isWanted = (candidate: number): boolean => {
    const first = candidate * FAN_OUT;
    for (let index = 0; index < FAN_OUT; index += 1) {
      if (this.#children.at(first + index) !== this.#wanted[index]) return false;
    }
    return true;
  };

  constructor(length: number) {
    this.length = length;
    let levels = 1;
    while (FAN_OUT ** levels < length) levels += 1;
    this.#levels = levels;
  }

  /** How many nodes all vectors take together. */
  get nodeCount(): number {
    return this.#table.count;
  }

  /** The root of the vector with these numbers. */
  intern(numbers: ArrayLike<number>): number {
    if (numbers.length !== this.length) throw new RangeError(`${numbers.length} numbers`);
    let row: number[] = Array.from(numbers);
    for (let level = 0; level < this.#levels; level += 1) {
      const parents: number[] = [];
      for (let start = 0; start < row.length; start += FAN_OUT) {
        for (let index = 0; index < FAN_OUT; index += 1) {
          this.#wanted[index] = row[start + index] ?? 0;
        }
        parents.push(this.#internWanted());
      }
      row = parents;
    }
    return row[0] ?? 0;
  }

  /** The number at an index of a vector. */
  get(root: number, index: number): number {
    let node = root;
    for (let level = this.#levels - 1; level >= 0; level -= 1) {
      node = this.#children.at(node * FAN_OUT + this.#digit(index, level));
    }
    return node;
  }

  /** All numbers of a vector, in a list of the caller's. */
  read(root: number, numbers: Int32Array): void {
    for (let index = 0; index < this.length; index += 1) numbers[index] = this.get(root, index);
  }

  /** The root of a vector that differs from another in one place. */
  with(root: number, index: number, value: number): number {
    return this.#with(root, index, value, this.#levels - 1);
  }

  #with(node: number, index: number, value: number, level: number): number {
    const digit = this.#digit(index, level);
    const child = this.#children.at(node * FAN_OUT + digit);
    const replaced = level === 0 ? value : this.#with(child, index, value, level - 1);
    if (replaced === child) return node;
    for (let at = 0; at < FAN_OUT; at += 1) {
      this.#wanted[at] = this.#children.at(node * FAN_OUT + at);
    }
    this.#wanted[digit] = replaced;
    return this.#internWanted();
  }

  #digit(index: number, level: number): number {
    return (index >> (level * FAN_OUT_BITS)) & (FAN_OUT - 1);
  }

  #internWanted(): number {
    let hash = 0;
    for (let index = 0; index < FAN_OUT; index += 1) {
      hash = mixHash(hash, this.#wanted[index] ?? 0);
    }
    hash = finishHash(hash);
    const found = this.#table.find(hash, this.#isWanted);
    if (found >= 0) return found;
    for (let index = 0; index < FAN_OUT; index += 1) this.#children.push(this.#wanted[index] ?? 0);
    return this.#table.add(hash);
  }
}
