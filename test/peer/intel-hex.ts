const RECORD_DATA = 0;
const RECORD_END = 1;
const RECORD_SEGMENT_ADDRESS = 2;
const RECORD_LINEAR_ADDRESS = 4;

/** Lays the data of an Intel HEX file over memory. Throws where the file is not one, or too large. */
export function layIntelHex(text: string, memory: Uint8Array): void {
  let base = 0;
  for (const line of text.split(/\r?\n/).filter((record) => record !== '')) {
    const { type, address, data } = readRecord(line);
    if (type === RECORD_END) return;
    if (type === RECORD_DATA) memory.set(data, base + address);
    if (type === RECORD_SEGMENT_ADDRESS) base = bigEndian(data) * 16;
    if (type === RECORD_LINEAR_ADDRESS) base = bigEndian(data) * 65_536;
  }
  throw new Error('an Intel HEX file without its end');
}

interface HexRecord {
  readonly type: number;
  readonly address: number;
  readonly data: Uint8Array;
}

function readRecord(line: string): HexRecord {
  const bytes = Buffer.from(line.slice(1), 'hex');
  const sum = bytes.reduce((total, byte) => (total + byte) & 0xff, 0);
  const isWhole = line.startsWith(':') && bytes.byteLength === (bytes[0] ?? 0) + 5 && sum === 0;
  if (!isWhole) throw new Error(`no Intel HEX record: ${line}`);
  return { type: bytes.readUInt8(3), address: bytes.readUInt16BE(1), data: bytes.subarray(4, -1) };
}

function bigEndian(bytes: Uint8Array): number {
  return bytes.reduce((value, byte) => value * 256 + byte, 0);
}
