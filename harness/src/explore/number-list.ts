const CAPACITY_FIRST = 1 << 10;

/** A growing list of whole numbers of 32 bits, without an object for each. */
export class NumberList {
  #numbers: Int32Array = new Int32Array(CAPACITY_FIRST);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** The number at an index; 0 beyond the end. */
  at(index: number): number {
    return index < this.#length ? (this.#numbers[index] ?? 0) : 0;
  }

  push(value: number): void {
    if (this.#length === this.#numbers.length) {
      const grown = new Int32Array(this.#numbers.length * 2);
      grown.set(this.#numbers);
      this.#numbers = grown;
    }
    this.#numbers[this.#length] = value;
    this.#length += 1;
  }

  set(index: number, value: number): void {
    if (index >= this.#length) throw new RangeError(`index ${index} of ${this.#length}`);
    this.#numbers[index] = value;
  }
}
