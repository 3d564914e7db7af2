import { accept, reject, type FlashRejectCode, type Verdict } from '../verdict.js';
import type { FlashArea, FlashSector } from './flash-area.js';
import type { NorFlash, SectorCopy } from './nor-flash.js';

/** The most areas a flash map names. */
export const FLASH_AREAS_MAX = 32;

/** A named part of a flash, before it is checked against one. */
export interface FlashAreaOptions {
  readonly name: string;
  readonly offset: number;
  readonly sizeBytes: number;
}

/** The named areas of one flash. */
export interface FlashMap {
  readonly areas: readonly FlashArea[];
  /** The area of that name; asking for one that does not exist is our own mistake and throws. */
  area(name: string): FlashArea;
}

/** Names areas of a flash. They must cover whole sectors, lie inside, and not overlap. */
export function createFlashMap(
  flash: NorFlash,
  areas: readonly FlashAreaOptions[],
): Verdict<FlashMap, FlashRejectCode> {
  if (areas.length > FLASH_AREAS_MAX) {
    return reject('flash-map-invalid', `${areas.length} areas, at most ${FLASH_AREAS_MAX}`);
  }
  const named = new Map<string, FlashArea>();
  let lastEnd = 0;
  for (const options of areas.toSorted((a, b) => a.offset - b.offset)) {
    const { name, offset, sizeBytes } = options;
    if (named.has(name)) return reject('flash-map-invalid', `two areas are named ${name}`);
    if (offset < lastEnd) return reject('flash-map-invalid', `area ${name} overlaps another`);
    const sectors = sectorsOf(flash, options);
    if (sectors === undefined) {
      return reject('flash-map-invalid', `area ${name} does not cover whole sectors of the flash`);
    }
    lastEnd = offset + sizeBytes;
    named.set(name, new NorFlashArea(flash, options, sectors));
  }
  return accept({
    areas: [...named.values()],
    area: (name) => {
      const area = named.get(name);
      if (area === undefined) throw new RangeError(`the flash map has no area ${name}`);
      return area;
    },
  });
}

function sectorsOf(flash: NorFlash, options: FlashAreaOptions): readonly FlashSector[] | undefined {
  const end = options.offset + options.sizeBytes;
  const inside = flash.geometry.sectors.filter(
    (sector) => sector.offset >= options.offset && sector.offset + sector.sizeBytes <= end,
  );
  const covered = inside.reduce((sum, sector) => sum + sector.sizeBytes, 0);
  if (inside.length === 0 || covered !== options.sizeBytes) return undefined;
  return inside.map((sector) => ({
    offset: sector.offset - options.offset,
    sizeBytes: sector.sizeBytes,
  }));
}

class NorFlashArea implements FlashArea {
  readonly name: string;
  readonly flashOffset: number;
  readonly sizeBytes: number;
  readonly sectors: readonly FlashSector[];
  readonly writeAlignBytes: number;
  readonly erasedValue: number;
  readonly #flash: NorFlash;

  constructor(flash: NorFlash, options: FlashAreaOptions, sectors: readonly FlashSector[]) {
    this.#flash = flash;
    this.name = options.name;
    this.flashOffset = options.offset;
    this.sizeBytes = options.sizeBytes;
    this.sectors = sectors;
    this.writeAlignBytes = flash.geometry.writeAlignBytes;
    this.erasedValue = flash.geometry.erasedValue;
  }

  read(offset: number, lengthBytes: number): Uint8Array {
    this.#assertInside(offset, lengthBytes);
    return this.#flash.read(this.flashOffset + offset, lengthBytes);
  }

  chunks(offset: number, lengthBytes: number): Iterable<Uint8Array> {
    this.#assertInside(offset, lengthBytes);
    return this.#flash.chunks(this.flashOffset + offset, lengthBytes);
  }

  write(offset: number, data: Uint8Array): Verdict<void, FlashRejectCode> {
    if (!this.#inside(offset, data.byteLength)) {
      return this.#outOfBounds('write', offset, data.byteLength);
    }
    return this.#flash.write(this.flashOffset + offset, data);
  }

  erase(offset: number, lengthBytes: number): Verdict<void, FlashRejectCode> {
    if (!this.#inside(offset, lengthBytes)) return this.#outOfBounds('erase', offset, lengthBytes);
    return this.#flash.erase(this.flashOffset + offset, lengthBytes);
  }

  copySectorsFrom(source: FlashArea, range: SectorCopy): boolean {
    if (!(source instanceof NorFlashArea) || source.#flash !== this.#flash) return false;
    const { fromOffset, toOffset, lengthBytes } = range;
    if (!source.#inside(fromOffset, lengthBytes) || !this.#inside(toOffset, lengthBytes)) {
      return false;
    }
    return this.#flash.copySectors({
      ...range,
      fromOffset: source.flashOffset + fromOffset,
      toOffset: this.flashOffset + toOffset,
    });
  }

  #inside(offset: number, lengthBytes: number): boolean {
    return offset >= 0 && lengthBytes >= 0 && offset + lengthBytes <= this.sizeBytes;
  }

  #assertInside(offset: number, lengthBytes: number): void {
    if (!this.#inside(offset, lengthBytes)) {
      throw new RangeError(
        `read of ${lengthBytes} bytes at ${offset} in area ${this.name} of ${this.sizeBytes}`,
      );
    }
  }

  #outOfBounds(verb: string, offset: number, lengthBytes: number): Verdict<void, FlashRejectCode> {
    return reject(
      'flash-out-of-bounds',
      `${verb} of ${lengthBytes} bytes at ${offset} in area ${this.name} of ${this.sizeBytes}`,
    );
  }
}
