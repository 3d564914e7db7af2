/** Whether a range of bytes is well-formed UTF-8 (RFC 3629 §4): no overlong forms, no surrogates. */
export function isUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start;
  while (at < end) {
    const lead = bytes[at] ?? 0;
    if (lead < 0x80) {
      at += 1;
      continue;
    }
    const sizeBytes = sequenceSize(lead);
    if (sizeBytes === 0 || at + sizeBytes > end) return false;
    if (!isSecondByteAllowed(lead, bytes[at + 1] ?? 0)) return false;
    for (let tail = at + 2; tail < at + sizeBytes; tail += 1) {
      if (((bytes[tail] ?? 0) & 0xc0) !== 0x80) return false;
    }
    at += sizeBytes;
  }
  return true;
}

function sequenceSize(lead: number): number {
  if (lead >= 0xc2 && lead <= 0xdf) return 2;
  if (lead >= 0xe0 && lead <= 0xef) return 3;
  return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

function isSecondByteAllowed(lead: number, second: number): boolean {
  if (lead === 0xe0) return second >= 0xa0 && second <= 0xbf;
  if (lead === 0xed) return second >= 0x80 && second <= 0x9f;
  if (lead === 0xf0) return second >= 0x90 && second <= 0xbf;
  if (lead === 0xf4) return second >= 0x80 && second <= 0x8f;
  return second >= 0x80 && second <= 0xbf;
}
