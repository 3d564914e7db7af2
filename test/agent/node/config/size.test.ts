import { formatSize, parseSize } from '@brickproof/agent/node';
import { describe, expect, it } from 'vitest';

describe('parseSize', () => {
  it.each([
    ['0', 0],
    ['4096', 4096],
    ['4KiB', 4096],
    ['512KiB', 524_288],
    ['1MiB', 1_048_576],
    ['0x200', 512],
    ['0xC000', 49_152],
    ['0x10KiB', 16_384],
    ['4kib', 4096],
  ])('reads %s', (text, bytes) => {
    expect(parseSize(text)).toEqual({ ok: true, value: bytes });
  });

  it.each(['', ' 1', '-1', '1.5KiB', '4KB', '4K', '0x', '1e3', '0xfffffffffffffMiB', 'KiB'])(
    'refuses %j',
    (text) => {
      expect(parseSize(text)).toMatchObject({ ok: false, code: 'size-malformed' });
    },
  );
});

describe('formatSize', () => {
  it.each([
    [0, '0 bytes'],
    [1000, '1000 bytes'],
    [4096, '4 KiB'],
    [483_328, '472 KiB'],
    [1_048_576, '1 MiB'],
  ])('writes %i as %s', (bytes, text) => {
    expect(formatSize(bytes)).toBe(text);
  });
});
