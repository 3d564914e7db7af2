import type { Tear } from './tears.js';

/** What is left of an operation that was torn, in words. */
export function tearWords({ effect, settled }: Tear, words: number): string {
  if (effect === 'weak') return weakWords(settled);
  if (typeof effect === 'string') return effect;
  switch (effect.kind) {
    case 'prefix':
      return `${effect.words} of ${words} words are written`;
    case 'one-bit-short':
      return words === 1
        ? 'all but one bit is written'
        : `all but one bit of word ${effect.word ?? words - 1} is written`;
    case 'unstable': {
      const { firstWord = 0, words: count } = effect;
      const which = count === undefined ? 'all words are' : `word ${firstWord} is`;
      const how = settled === undefined ? 'read differently each time' : 'half written';
      return settled === undefined
        ? `${which} ${count === undefined ? '' : 'such that it is '}${how}`.replace('  ', ' ')
        : `${which} ${how}`;
    }
  }
}

function weakWords(settled: number | undefined): string {
  switch (settled) {
    case undefined:
      return 'half erased, and read differently each time';
    case 0:
      return 'it reads as erased, and cannot be written';
    case 0xff:
      return 'it reads as before, and cannot be written';
    default:
      return 'half of its bits are erased';
  }
}
