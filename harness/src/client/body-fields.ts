import type { SmpBody, SmpValue } from '@brickproof/agent';

/** An unsigned integer of a body; undefined when it is absent or something else. */
export function readUint(body: SmpBody, key: string): number | undefined {
  const value = body[key];
  const number = typeof value === 'bigint' ? Number(value) : value;
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= 0
    ? number
    : undefined;
}

/** An integer of a body, negative ones included. */
export function readInteger(body: SmpBody, key: string): number | undefined {
  const value = body[key];
  const number = typeof value === 'bigint' ? Number(value) : value;
  return typeof number === 'number' && Number.isSafeInteger(number) ? number : undefined;
}

/** A text of a body. */
export function readText(body: SmpBody, key: string): string | undefined {
  const value = body[key];
  return typeof value === 'string' ? value : undefined;
}

/** A flag of a body; absent is false, as the image group has it. */
export function readFlag(body: SmpBody, key: string): boolean {
  return body[key] === true;
}

/** A byte string of a body. */
export function readBytes(body: SmpBody, key: string): Uint8Array | undefined {
  const value = body[key];
  return value instanceof Uint8Array ? value : undefined;
}

/** The maps in an array of a body; undefined when there is no array, or something else in it. */
export function readMaps(body: SmpBody, key: string): readonly SmpBody[] | undefined {
  const value = body[key];
  if (!Array.isArray(value)) return undefined;
  const items: readonly SmpValue[] = value;
  const maps = items.filter(isMap);
  return maps.length === items.length ? maps : undefined;
}

function isMap(value: SmpValue): value is SmpBody {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array)
  );
}
