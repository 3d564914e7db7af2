/** Where an image is read from: a flash area, or bytes in memory. */
export interface ImageSource {
  readonly sizeBytes: number;
  /** The bytes at `offset`; a view that must not be changed. The range must lie inside. */
  read(offset: number, lengthBytes: number): Uint8Array;
  /**
   * The same range in pieces, without copying where the source can. A piece is good until the next
   * one is asked for.
   */
  chunks(offset: number, lengthBytes: number): Iterable<Uint8Array>;
}

/** An image source over bytes in memory. */
export function imageSourceFromBytes(bytes: Uint8Array): ImageSource {
  return {
    sizeBytes: bytes.byteLength,
    read: (offset, lengthBytes) => bytes.subarray(offset, offset + lengthBytes),
    chunks: (offset, lengthBytes) => [bytes.subarray(offset, offset + lengthBytes)],
  };
}

/** What lies behind an offset of another source, as a source of its own. */
export function offsetImageSource(source: ImageSource, startOffset: number): ImageSource {
  return {
    sizeBytes: source.sizeBytes - startOffset,
    read: (offset, lengthBytes) => source.read(startOffset + offset, lengthBytes),
    chunks: (offset, lengthBytes) => source.chunks(startOffset + offset, lengthBytes),
  };
}
