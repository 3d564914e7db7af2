import { trailerMagic, type FlashArea } from '@brickproof/bootloader-sim';

/** The fields of a trailer, as MCUboot's simulator looks at them: byte by byte. */
export interface TrailerBytes {
  readonly magic: 'good' | 'unset' | 'bad';
  readonly copyDone: 'set' | 'unset' | 'bad';
  readonly imageOk: 'set' | 'unset' | 'bad';
}

/** Nothing is asked for. */
export const UNSET: TrailerBytes = { magic: 'unset', copyDone: 'unset', imageOk: 'unset' };

/** Places counted from the end of a slot, without the help of the code under test. */
function places(area: FlashArea): { readonly magic: number; readonly imageOk: number } {
  const align = Math.max(8, area.writeAlignBytes);
  return { magic: area.sizeBytes - 16, imageOk: area.sizeBytes - Math.max(16, align) - align };
}

/** Reads a trailer. */
export function trailerBytes(area: FlashArea): TrailerBytes {
  const align = Math.max(8, area.writeAlignBytes);
  const { magic, imageOk } = places(area);
  const found = area.read(magic, 16);
  const isErased = found.every((byte) => byte === area.erasedValue);
  const expected = trailerMagic(align);
  const isGood = found.every((byte, index) => byte === expected[index]);
  const flag = (offset: number): TrailerBytes['imageOk'] => {
    const [byte] = area.read(offset, 1);
    if (byte === area.erasedValue) return 'unset';
    return byte === 1 ? 'set' : 'bad';
  };
  return {
    magic: isErased ? 'unset' : isGood ? 'good' : 'bad',
    copyDone: flag(imageOk - align),
    imageOk: flag(imageOk),
  };
}

/** Writes the magic alone, as imgtool's --pad does. */
export function writeMagic(area: FlashArea): void {
  const align = Math.max(8, area.writeAlignBytes);
  const { magic } = places(area);
  const start = magic - (magic % area.writeAlignBytes);
  const words = new Uint8Array(area.sizeBytes - start).fill(area.erasedValue);
  words.set(trailerMagic(align), magic - start);
  mustWrite(area, start, words);
}

/** Writes image-ok alone, as an application does that confirms itself. */
export function writeImageOkByte(area: FlashArea): void {
  const word = new Uint8Array(area.writeAlignBytes).fill(area.erasedValue);
  word[0] = 1;
  mustWrite(area, places(area).imageOk, word);
}

function mustWrite(area: FlashArea, offset: number, bytes: Uint8Array): void {
  const written = area.write(offset, bytes);
  if (!written.ok) throw new Error(written.detail);
}
