/** An unsigned 16-bit number, little-endian. The range must lie inside. */
export function readUint16(bytes: Uint8Array, offset: number): number {
  return view(bytes).getUint16(offset, true);
}

/** An unsigned 32-bit number, little-endian. The range must lie inside. */
export function readUint32(bytes: Uint8Array, offset: number): number {
  return view(bytes).getUint32(offset, true);
}

/** Writes the low 16 bits of a number, little-endian. */
export function writeUint16(bytes: Uint8Array, offset: number, value: number): void {
  view(bytes).setUint16(offset, value, true);
}

/** Writes the low 32 bits of a number, little-endian. */
export function writeUint32(bytes: Uint8Array, offset: number, value: number): void {
  view(bytes).setUint32(offset, value, true);
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
