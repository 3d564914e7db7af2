import { closestWord } from '@brickproof/agent/node';
import {
  accept,
  reject,
  type EraseEffect,
  type FlashEffect,
  type Rejected,
  type Verdict,
  type WriteEffect,
} from '@brickproof/bootloader-sim';

/** How the effects of a write are written down. */
export const WRITE_EFFECT_PATTERN: RegExp =
  /^(untouched|applied|prefix:\d{1,6}|one-bit-short(:\d{1,6}(\.\d{1,3})?)?|unstable(:\d{1,6}(\+\d{1,6})?)?)$/;
/** The same, for people. */
export const WRITE_EFFECT_FORM: string =
  'untouched, prefix:WORDS, one-bit-short, one-bit-short:WORD.BIT, unstable, ' +
  'unstable:WORD+WORDS or applied';
/** The effects of an erase, as they are written down. */
export const ERASE_EFFECTS: readonly EraseEffect[] = ['untouched', 'weak', 'applied'];

const WRITE_EFFECT_NAMES = ['untouched', 'prefix:1', 'one-bit-short', 'unstable', 'applied'];

/** Reads what is left of a write. */
export function parseWriteEffect(text: string): Verdict<WriteEffect, 'effect-malformed'> {
  if (!WRITE_EFFECT_PATTERN.test(text)) return refuse(text, WRITE_EFFECT_NAMES, WRITE_EFFECT_FORM);
  if (text === 'untouched' || text === 'applied') return accept(text);
  const [kind, ...texts] = text.split(/[:.+]/);
  const [first, second] = texts.map(Number);
  if (kind === 'prefix') return accept({ kind, words: first ?? 0 });
  if (kind === 'one-bit-short') {
    return accept({
      kind,
      ...(first === undefined ? {} : { word: first }),
      ...(second === undefined ? {} : { bit: second }),
    });
  }
  return accept({
    kind: 'unstable',
    ...(first === undefined ? {} : { firstWord: first }),
    ...(second === undefined ? {} : { words: second }),
  });
}

/** Reads what is left of an erase. */
export function parseEraseEffect(text: string): Verdict<EraseEffect, 'effect-malformed'> {
  const effect = ERASE_EFFECTS.find((known) => known === text);
  return effect === undefined
    ? refuse(text, ERASE_EFFECTS, ERASE_EFFECTS.join(', '))
    : accept(effect);
}

function refuse(
  text: string,
  names: readonly string[],
  form: string,
): Rejected<'effect-malformed'> {
  const meant = closestWord(text, names);
  const help = meant === undefined ? `there are ${form}` : `did you mean ${meant}?`;
  return reject('effect-malformed', `${JSON.stringify(text)} is no effect; ${help}`);
}

/** An effect as it is written down. */
export function formatEffect(effect: FlashEffect): string {
  if (typeof effect === 'string') return effect;
  const { kind } = effect;
  if (kind === 'prefix') return `${kind}:${effect.words}`;
  if (kind === 'one-bit-short') {
    const { word, bit } = effect;
    if (word === undefined) return kind;
    return bit === undefined ? `${kind}:${word}` : `${kind}:${word}.${bit}`;
  }
  const { firstWord, words } = effect;
  if (firstWord === undefined) return kind;
  return words === undefined ? `${kind}:${firstWord}` : `${kind}:${firstWord}+${words}`;
}
