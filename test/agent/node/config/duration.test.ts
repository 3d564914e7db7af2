import { parseDuration } from '@brickproof/agent/node';
import { describe, expect, it } from 'vitest';

describe('parseDuration', () => {
  it.each([
    ['250ms', 250],
    ['10s', 10_000],
    ['10 s', 10_000],
    ['1.001 s', 1_001],
    ['1.5 min', 90_000],
    ['2h', 7_200_000],
    ['0s', 0],
  ])('reads %s', (text, valueMs) => {
    expect(parseDuration(text)).toEqual({ ok: true, value: valueMs });
  });

  it.each(['', '10', '10 seconds', '-1s', '1e3s', '0.0001 s', '1.0005ms', ' 1s', '9999999999s'])(
    'refuses %j',
    (text) => {
      expect(parseDuration(text)).toMatchObject({ ok: false, code: 'duration-malformed' });
    },
  );
});
