import type { SmpBody, SmpValue } from './message.js';

const UINT32_MAX = 0xffff_ffff;

/**
 * Reads the known fields of a request. A field that is absent is undefined; one of the wrong type
 * makes the whole request malformed, as it does in Zephyr. Unknown fields are not looked at.
 */
export class BodyFields {
  readonly #body: SmpBody;
  #isMalformed = false;

  constructor(body: SmpBody) {
    this.#body = body;
  }

  /** Whether any field read so far has the wrong type. */
  get isMalformed(): boolean {
    return this.#isMalformed;
  }

  /** A number from 0 to 2^32 - 1, however wide it was sent. */
  uint32(key: string): number | undefined {
    const value = this.#read(key, isUint32);
    return value === undefined ? undefined : Number(value);
  }

  bool(key: string): boolean | undefined {
    return this.#read(key, (value) => typeof value === 'boolean');
  }

  text(key: string): string | undefined {
    return this.#read(key, (value) => typeof value === 'string');
  }

  bytes(key: string): Uint8Array | undefined {
    return this.#read(key, (value) => value instanceof Uint8Array);
  }

  #read<T extends SmpValue>(key: string, isWanted: (value: SmpValue) => value is T): T | undefined {
    const value = Object.hasOwn(this.#body, key) ? this.#body[key] : undefined;
    if (value === undefined || isWanted(value)) return value;
    this.#isMalformed = true;
    return undefined;
  }
}

function isUint32(value: SmpValue): value is number | bigint {
  if (typeof value === 'bigint') return value >= 0n && value <= UINT32_MAX;
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= UINT32_MAX;
}
