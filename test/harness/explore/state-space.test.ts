import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Choices } from '../../../harness/src/explore/choices.js';
import { ContentPool } from '../../../harness/src/explore/content-pool.js';
import { InternTable } from '../../../harness/src/explore/intern-table.js';
import { UncutGraph } from '../../../harness/src/explore/uncut-graph.js';
import { VectorPool } from '../../../harness/src/explore/vector-pool.js';

describe('a pool of vectors', () => {
  it('answers equal roots for equal vectors alone, whatever they were made from', () => {
    const changes = fc.array(fc.tuple(fc.nat(299), fc.integer({ min: -3, max: 3 })), {
      maxLength: 40,
    });
    fc.assert(
      fc.property(changes, changes, (first, second) => {
        const pool = new VectorPool(300);
        const start = pool.intern(new Array<number>(300).fill(0));
        const [a, b] = [first, second].map((list) => {
          const plain = new Array<number>(300).fill(0);
          let root = start;
          for (const [index, value] of list) {
            plain[index] = value;
            root = pool.with(root, index, value);
          }
          return { plain, root };
        });
        const read = new Int32Array(300);
        pool.read(a?.root ?? 0, read);
        expect([...read]).toEqual(a?.plain);
        expect(a?.root === b?.root).toBe(a?.plain.join() === b?.plain.join());
        expect(pool.intern(a?.plain ?? [])).toBe(a?.root);
      }),
    );
  });
});

describe('a table of hashes', () => {
  it('tells things apart that have the same hash', () => {
    const table = new InternTable();
    const things = Array.from({ length: 3_000 }, (_, index) => `thing ${index}`);
    for (const thing of things) {
      expect(table.find(7, (found) => things[found] === thing)).toBe(-1);
      table.add(7);
      if (table.count > 50) break;
    }
    expect(table.find(7, (found) => things[found] === 'thing 31')).toBe(31);
  });
});

describe('a pool of contents', () => {
  const contents = (byte: number, programmed: number, unstable?: number) => ({
    bytes: new Uint8Array(64).fill(byte),
    programmed: new Uint8Array(1).fill(programmed),
    unstable: unstable === undefined ? undefined : new Uint8Array(64).fill(unstable),
  });

  it.each([
    ['their hashes', undefined],
    ['one hash for all', () => 7],
  ])('keeps apart what differs in anything, by %s', (_, hash) => {
    const pool = new ContentPool(() => contents(0, 0), hash);
    const numbers = [
      contents(0xff, 0),
      contents(0xff, 1),
      contents(0xff, 1, 1),
      contents(0xfe, 1),
      contents(0xff, 0),
    ].map((one) => pool.intern(one));
    expect(numbers).toEqual([0, 1, 2, 3, 0]);
  });

  it('makes contents again that it has put away, and knows them again', () => {
    const made: number[] = [];
    const pool = new ContentPool((content) => {
      made.push(content);
      return contents(content & 0xff, content >> 8);
    });
    for (let content = 0; content < 3_000; content += 1) {
      expect(pool.intern(contents(content & 0xff, content >> 8))).toBe(content);
    }
    expect(pool.contents(5).bytes[0]).toBe(5);
    expect(made).toContain(5);
    expect(pool.intern(contents(6, 0))).toBe(6);
  });
});

describe('what follows without a cut', () => {
  it('finds a state that goes round without ever settling', () => {
    const graph = new UncutGraph();
    graph.add(0, 1, false);
    graph.add(1, 2, false);
    graph.add(2, 1, false);
    graph.add(3, 3, true);
    expect(graph.settling()).toMatchObject({ restlessCount: 2 });
  });

  it('lets a device go round among states that it may stay in, and counts the boots to get there', () => {
    const graph = new UncutGraph();
    graph.add(0, 1, false);
    graph.add(1, 2, false);
    graph.add(2, 3, true);
    graph.add(3, 2, true);
    expect(graph.settling()).toEqual({ bootsMax: 3, restless: undefined, restlessCount: 0 });
  });
});

describe('the choices of a run', () => {
  it('are all made in the end, with no more changes of one place than it may have', () => {
    const seen = new Set<string>();
    const pending: (readonly number[])[] = [[]];
    for (let told = pending.pop(); told !== undefined; told = pending.pop()) {
      const choices = new Choices(told, 1);
      const read = [1, 1, 2].map((place) => choices.choose(place, 2));
      seen.add(read.join(''));
      pending.push(...choices.others());
    }
    expect([...seen].toSorted()).toEqual(['000', '001', '010', '011', '100', '101', '110', '111']);
    const steady = new Choices([1], 0);
    expect([steady.choose(9, 2), steady.choose(9, 2)]).toEqual([1, 1]);
    expect(steady.others()).toEqual([]);
  });
});
