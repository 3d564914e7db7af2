import type { Variant } from '../variant.js';

/** Faults in how the agent's store is kept in flash. */
export const STORE_MUTANTS: readonly Variant<'agent'>[] = [
  {
    name: 'record-unchecked',
    about: 'The CRC of a record is not looked at: one that was cut short reads as whole.',
    package: 'agent',
    strategies: [],
    scenes: ['store'],
    patches: [
      {
        file: 'src/store/log-record.ts',
        find: '  if (view.getUint32(crcOffset, true) !== computed) return undefined;\n',
        replace: '  void computed;\n',
      },
    ],
  },
  {
    name: 'sector-header-unchecked',
    about:
      'The CRC of a sector header is not looked at. One that was cut short before its generation reads as the highest there is, and no sector can follow it. Shows where a word of flash has at most four bytes.',
    package: 'agent',
    strategies: [],
    scenes: ['store'],
    patches: [
      {
        file: 'src/store/log-record.ts',
        find: 'if (!isMarked || view.getUint32(8, true) !== crc32(bytes.subarray(0, 8))) return undefined;',
        replace: 'if (!isMarked) return undefined;',
      },
    ],
  },
  {
    name: 'header-before-records',
    about:
      'A sector is made the active one before the values are in it; a cut in between loses them.',
    package: 'agent',
    strategies: [],
    scenes: ['store'],
    patches: [
      {
        file: 'src/store/log-store.ts',
        find: '    const values = new Map<number, Uint8Array>();\n    let end = sectorHeaderSizeBytes(this.#area);\n    let sequence = this.#sequence;',
        replace:
          '    const generation = this.#nextGeneration;\n    const committed = this.#commit(sector, generation);\n    if (!committed.ok) return committed;\n    const values = new Map<number, Uint8Array>();\n    let end = sectorHeaderSizeBytes(this.#area);\n    let sequence = this.#sequence;',
      },
      {
        file: 'src/store/log-store.ts',
        find: '    const generation = this.#nextGeneration;\n    const committed = this.#commit(sector, generation);\n    if (!committed.ok) return committed;\n    this.#active = { index, generation, end };',
        replace: '    this.#active = { index, generation, end };',
      },
    ],
  },
  {
    name: 'appended-at-opening',
    about:
      'The first change after opening goes behind what was found. A record that was cut short may have read as whole; when it does not any more, what is behind it is lost. Shows only with cells that read differently each time.',
    package: 'agent',
    strategies: [],
    scenes: ['store'],
    patches: [
      {
        file: 'src/store/log-store.ts',
        find: 'return { active: { index, generation, end: undefined }, values, sequence };',
        replace: 'return { active: { index, generation, end }, values, sequence };',
      },
    ],
  },
  {
    name: 'active-sector-erased',
    about:
      'Values are moved within the active sector, which is erased first; a cut loses them all.',
    package: 'agent',
    strategies: [],
    scenes: ['store'],
    patches: [
      {
        file: 'src/store/log-store.ts',
        find: 'this.#active === undefined ? 0 : this.#active.index + 1;',
        replace: 'this.#active === undefined ? 0 : this.#active.index;',
      },
      {
        file: 'src/store/log-store.ts',
        find: '      if (index === this.#active?.index) continue;\n',
        replace: '',
      },
    ],
  },
  {
    name: 'generation-not-raised',
    about:
      'A new sector has the generation of the one before it, so that after a restart the old one may count. No cut is needed.',
    package: 'agent',
    strategies: [],
    scenes: ['store'],
    patches: [
      {
        file: 'src/store/log-store.ts',
        find: 'this.#nextGeneration += 1;',
        replace: 'this.#nextGeneration += 0;',
      },
      {
        file: 'src/store/log-store.ts',
        find: 'this.#nextGeneration = (state.active?.generation ?? 0) + 1;',
        replace: 'this.#nextGeneration = state.active?.generation ?? 0;',
      },
    ],
  },
  {
    name: 'not-compacted-whole',
    about:
      'Only the value that changes is moved to the next sector; the others are lost. No cut is needed.',
    package: 'agent',
    strategies: [],
    scenes: ['store'],
    patches: [
      {
        file: 'src/store/log-store.ts',
        find: 'if (key !== change.key) yield [key, value];',
        replace: 'if (key === -1) yield [key, value];',
      },
    ],
  },
];
