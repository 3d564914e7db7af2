// Makes bytes that look like firmware: a vector table of a Cortex-M, then code that repeats itself
// as compiled code does. The same input gives the same bytes, and two versions differ little, so
// that they compress well and are kept well.
const VECTOR_COUNT = 64;
const STACK_TOP = 0x2004_0000;
const VERSION_OFFSET = 0x200;
const CODE_OFFSET = 0x240;

/** Payload of `sizeBytes` bytes that starts at flash address `address`. */
export function makePayload({ sizeBytes, address, version }) {
  const payload = Buffer.alloc(sizeBytes);
  payload.writeUInt32LE(STACK_TOP, 0);
  for (let vector = 1; vector < VECTOR_COUNT; vector += 1) {
    // Thumb code has odd addresses; all but the reset share one default handler.
    const handler = address + CODE_OFFSET + (vector === 1 ? 0 : 0x40) + 1;
    payload.writeUInt32LE(handler, vector * 4);
  }
  payload.write(`Brickproof sample firmware ${version}`, VERSION_OFFSET, 'latin1');
  fillWithCode(payload.subarray(CODE_OFFSET), makeFunctions());
  return payload;
}

function fillWithCode(code, functions) {
  const next = generator(0x2545_f491);
  let at = 0;
  while (at < code.length) {
    at += functions[next() % functions.length].copy(code, at);
  }
}

/** A set of functions: push, some instructions of a small vocabulary, pop. */
function makeFunctions() {
  const next = generator(0x9e37_79b9);
  const vocabulary = Array.from({ length: 200 }, () => next() & 0xffff);
  return Array.from({ length: 160 }, () => {
    const body = Array.from({ length: 12 + (next() % 120) }, () => {
      return vocabulary[(next() % 14) * (next() % 14)];
    });
    return Buffer.from(Uint16Array.from([0xb570, ...body, 0xbd70]).buffer);
  });
}

/** Xorshift32 (Marsaglia 2003). */
function generator(seed) {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
}
