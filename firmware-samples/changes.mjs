// What an attacker, or an accident, does to a good image. Each takes the bytes of one and gives
// those of another.
import { createHash } from 'node:crypto';
import {
  TLV,
  hashedSizeBytes,
  imageSourceFromBytes,
  parseImageHeader,
  parseImageTlvs,
} from '@brickproof/bootloader-sim';

const TLV_MAGIC = 0x6907;

/** One bit of a byte. */
export function flipBit(image, offset) {
  const changed = Buffer.from(image);
  changed[offset] ^= 0x01;
  return changed;
}

/** One bit in the middle of the body. */
export function flipBodyBit(image) {
  const { header } = read(image);
  return flipBit(image, header.headerSizeBytes + (header.bodySizeBytes >> 1));
}

/** One bit of the signature. */
export function flipSignatureBit(image) {
  return flipBit(image, find(image, TLV.ed25519).offset + 10);
}

/** One bit of the wrapped content key: `offset` counts from its start. */
export function flipWrappedKeyBit(image, offset) {
  return flipBit(image, find(image, TLV.encryptedX25519).offset + offset);
}

/** The TLV of the wrapped content key replaced by those that `change` makes of it. */
export function changeWrappedKey(image, change) {
  return changeTlvs(image, (entries) =>
    entries.flatMap((entry) => (entry.type === TLV.encryptedX25519 ? change(entry) : [entry])),
  );
}

/** Bytes written over the header. */
export function patchHeader(image, offset, bytes) {
  const changed = Buffer.from(image);
  changed.set(bytes, offset);
  return changed;
}

/** An image without its end, as an upload that was given up leaves it. */
export function truncate(image) {
  return Buffer.from(image.subarray(0, Math.floor(image.length * 0.98)));
}

/** The hash made right again after a change, so that only the signature can tell. */
export function rehash(image) {
  const { header } = read(image);
  const hash = createHash('sha256')
    .update(image.subarray(0, hashedSizeBytes(header)))
    .digest();
  return patchHeader(image, find(image, TLV.sha256).offset, hash);
}

/** The unprotected TLVs replaced by what `change` makes of them. */
export function changeTlvs(image, change) {
  const { header, tlvs } = read(image);
  const entries = tlvs.entries
    .filter((entry) => !entry.protected)
    .map(({ type, offset, sizeBytes }) => ({
      type,
      value: image.subarray(offset, offset + sizeBytes),
    }));
  return Buffer.concat([image.subarray(0, hashedSizeBytes(header)), area(change(entries))]);
}

/** The TLVs that say who signed, taken from one image and put onto another. */
export function transplantSignature(image, donor) {
  const taken = new Map([TLV.keyHash, TLV.ed25519].map((type) => [type, valueOf(donor, type)]));
  return changeTlvs(image, (entries) =>
    entries.map(({ type, value }) => ({ type, value: taken.get(type) ?? value })),
  );
}

/** The key hash of one image put onto another: signed by a stranger in a trusted key's name. */
export function borrowKeyHash(image, lender) {
  const borrowed = valueOf(lender, TLV.keyHash);
  return changeTlvs(image, (entries) =>
    entries.map((entry) => (entry.type === TLV.keyHash ? { ...entry, value: borrowed } : entry)),
  );
}

/** The unprotected area with a magic that it does not have. */
export function breakTlvMagic(image) {
  const { header } = read(image);
  return patchHeader(image, hashedSizeBytes(header), [0, 0]);
}

/** A hash that claims to be 65535 bytes long. */
export function lieAboutTlvSize(image) {
  return patchHeader(image, find(image, TLV.sha256).offset - 2, [0xff, 0xff]);
}

function valueOf(image, type) {
  const { offset, sizeBytes } = find(image, type);
  return image.subarray(offset, offset + sizeBytes);
}

function find(image, type) {
  const entry = read(image).tlvs.entries.find((tlv) => tlv.type === type);
  if (entry === undefined) throw new Error(`the image has no TLV ${type}`);
  return entry;
}

function read(image) {
  const source = imageSourceFromBytes(image);
  const header = parseImageHeader(source, { takesEncrypted: true });
  if (!header.ok) throw new Error(header.detail);
  const tlvs = parseImageTlvs(source, header.value);
  if (!tlvs.ok) throw new Error(tlvs.detail);
  return { header: header.value, tlvs: tlvs.value };
}

function area(entries) {
  const body = entries.map(({ type, value }) => {
    const head = Buffer.alloc(4);
    head.writeUInt16LE(type, 0);
    head.writeUInt16LE(value.length, 2);
    return Buffer.concat([head, value]);
  });
  const info = Buffer.alloc(4);
  info.writeUInt16LE(TLV_MAGIC, 0);
  info.writeUInt16LE(
    body.reduce((sum, entry) => sum + entry.length, info.length),
    2,
  );
  return Buffer.concat([info, ...body]);
}
