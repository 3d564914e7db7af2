import { describe, expect, it } from 'vitest';
import {
  DEVICE_MODELS,
  formatEffect,
  parseEraseEffect,
  parseWriteEffect,
  readFault,
  readFaultFlag,
} from '@brickproof/harness';
import type { FlashFault } from '@brickproof/bootloader-sim';

const MODEL = DEVICE_MODELS['nrf-equal'];
const UNTOUCHED = { write: 'untouched', erase: 'untouched' } as const;

/** The fault that a flag means on a board, or why there is none. */
function faultOf(text: string): FlashFault | string {
  const flag = readFaultFlag(text);
  if (!flag.ok) return flag.detail;
  const fault = readFault(flag.value.document, MODEL);
  return fault.ok ? fault.value : fault.detail;
}

describe('a fault on one line', () => {
  it.each<[string, FlashFault]>([
    [
      'power-cut,operation=40',
      { kind: 'power-cut', when: { kind: 'operation', number: 40 }, ...UNTOUCHED },
    ],
    [
      'power-cut,operation=1,on=erase,erase=weak',
      {
        kind: 'power-cut',
        when: { kind: 'operation', number: 1 },
        on: 'erase',
        write: 'untouched',
        erase: 'weak',
      },
    ],
    [
      'failure,rate=0.01,at=slot1,write=unstable:2+1',
      {
        kind: 'failure',
        when: { kind: 'rate', rate: 0.01 },
        range: { offset: 0x82000, lengthBytes: 0x76000 },
        write: { kind: 'unstable', firstWord: 2, words: 1 },
        erase: 'untouched',
      },
    ],
    [
      'failure,rate=1,at=0x82004,length=8,write=one-bit-short:3.17',
      {
        kind: 'failure',
        when: { kind: 'rate', rate: 1 },
        range: { offset: 0x82004, lengthBytes: 8 },
        write: { kind: 'one-bit-short', word: 3, bit: 17 },
        erase: 'untouched',
      },
    ],
    [
      'worn-out,at=slot1+64KiB',
      {
        kind: 'worn-out',
        range: { offset: 0x92000, lengthBytes: 1 },
        erases: 0,
        write: { kind: 'unstable' },
        erase: 'weak',
      },
    ],
    [
      'worn-out,at=store,erases=7,write=prefix:1,erase=untouched',
      {
        kind: 'worn-out',
        range: { offset: 0xf8000, lengthBytes: 0x8000 },
        erases: 7,
        write: { kind: 'prefix', words: 1 },
        erase: 'untouched',
      },
    ],
    [
      'flipped-bit,at=slot0+0x10,bit=0,operation=5',
      {
        kind: 'flipped-bit',
        range: { offset: 0xc010, lengthBytes: 1 },
        bit: 0,
        beforeOperation: 5,
      },
    ],
    [
      'flipped-bit,at=slot0',
      { kind: 'flipped-bit', range: { offset: 0xc000, lengthBytes: 0x76000 } },
    ],
  ])('%s', (text, fault) => {
    expect(faultOf(text)).toEqual(fault);
  });

  it.each([
    ['failur,operation=3', 'there is no fault "failur"; did you mean failure?'],
    ['', 'there is no fault ""; there are power-cut, failure, worn-out, flipped-bit'],
    ['failure', '"failure" takes either operation or rate; a rate of 1 is every one'],
    ['power-cut,operation=1,rate=1', '"power-cut" takes either operation or rate'],
    ['failure,operation=0', '"failure.operation" is 0, expected at least 1'],
    ['failure,operatoin=3', '"failure.operatoin" is not a known key; did you mean operation?'],
    ['failure,operation=3,during=boot', '"failure.during" is not a known key'],
    ['failure,operation=3,write', '"write" is not written as KEY=VALUE'],
    ['failure,operation=3, write=x', '" write=x" is not written as KEY=VALUE'],
    ['failure,operation=3,write={}', '"write={}" is not written as KEY=VALUE'],
    ['failure,operation=3,write=weak', '"weak" is no effect; there are untouched, prefix:WORDS'],
    ['failure,operation=3,erase=unstable', '"failure.erase" is "unstable", expected'],
    ['failure,rate=2', '"failure.rate" is 2, expected at most 1'],
    ['failure,operation=3,operation=4', 'map keys must be unique'],
    ['worn-out', '"worn-out.at" is missing'],
    ['flipped-bit,at=slot0,bit=8', '"flipped-bit.bit" is 8, expected at most 7'],
    ['worn-out,at=slot9', 'the flash has no area slot9; did you mean slot0?'],
    ['worn-out,at=slot0+0x76000', '1 bytes at slot0+0x76000 are not all there: slot0 has 483328'],
    ['worn-out,at=slot0,length=1MiB', '1048576 bytes at slot0 are not all there'],
    ['worn-out,at=0x100000', '1 bytes at 1048576 are not all there: the flash has 1048576'],
    [`failure,operation=${'1'.repeat(300)}`, 'more than 200 characters'],
  ])('says what is wrong with %j', (text, why) => {
    expect(faultOf(text)).toContain(why);
  });
});

describe('an effect as text', () => {
  it.each([
    'untouched',
    'prefix:0',
    'prefix:12',
    'one-bit-short',
    'one-bit-short:3',
    'one-bit-short:3.31',
    'unstable',
    'unstable:2',
    'unstable:2+1',
    'applied',
  ])('is read and written again: %s', (text) => {
    const effect = parseWriteEffect(text);
    if (!effect.ok) throw new Error(effect.detail);
    expect(formatEffect(effect.value)).toBe(text);
  });

  it('is one of those there are', () => {
    expect(parseEraseEffect('weak')).toEqual({ ok: true, value: 'weak' });
    expect(parseEraseEffect('weka')).toMatchObject({ code: 'effect-malformed' });
    expect(parseWriteEffect('prefix')).toMatchObject({ code: 'effect-malformed' });
    expect(parseWriteEffect('prefix:-1')).toMatchObject({ code: 'effect-malformed' });
  });
});
