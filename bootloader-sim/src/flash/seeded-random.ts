import type { FlashNoise } from './fault.js';

/** Answers numbers from 0 up to, not including, 1. */
export type RandomSource = () => number;

/** Answers a source of its own for each number, always the same one. */
export type RandomStreams = (stream: number) => RandomSource;

/** Spreads neighbouring numbers far apart: 2^32 divided by the golden ratio. */
const STREAM_STEP = 0x9e37_79b9;
const BYTE_VALUES = 256;

/** A small generator for experiments, never for secrets: equal seeds tell equal numbers. */
export function seededRandom(seed: number): RandomSource {
  let state = seed >>> 0;
  // Tommy Ettinger's mulberry32: a counter, mixed.
  return () => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** Generators that do not depend on each other, all from one seed. */
export function seededStreams(seed: number): RandomStreams {
  const start = Math.floor(seededRandom(seed)() * 0x1_0000_0000);
  return (stream) => seededRandom(start ^ Math.imul(stream + 1, STREAM_STEP));
}

/** Noise that flickers: each unstable bit reads as either, by chance. */
export function flickeringNoise(random: RandomSource): FlashNoise {
  return () => Math.floor(random() * BYTE_VALUES);
}
