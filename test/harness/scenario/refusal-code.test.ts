import { describe, expect, it } from 'vitest';
import { REFUSAL_CODES, isRefusal, nameRefusal } from '@brickproof/harness';

describe('the code of a refusal', () => {
  it.each([
    [{ kind: 'group', group: 1, rc: 9 }, 'image:no-free-slot'],
    [{ kind: 'group', group: 1, rc: 99 }, 'image:99'],
    [{ kind: 'group', group: 64, rc: 1 }, '64:1'],
    [{ kind: 'mgmt', rc: 10 }, 'smp:busy'],
  ] as const)('of a device, %j, is %s', (deviceError, code) => {
    const named = nameRefusal({ code: 'smp-device-refused', detail: 'd', deviceError });
    expect(named).toEqual({ code, detail: 'd' });
  });

  it('on the way is the one of our client', () => {
    expect(nameRefusal({ code: 'smp-timeout', detail: 'd' }).code).toBe('smp-timeout');
  });

  it.each([
    ['image:no-free-slot', ['image:no-free-slot'], true],
    ['image:no-free-slot', ['1:9'], true],
    ['image:no-free-slot', ['image:9'], true],
    ['image:no-free-slot', ['image:invalid-hash'], false],
    ['image:no-free-slot', ['image:invalid-hash', 'image:no-free-slot'], true],
    ['image:no-free-slot', ['any'], true],
    ['image:no-free-slot', ['unreachable'], false],
    ['connection-lost', ['unreachable'], true],
    ['target-offline', ['unreachable'], true],
    ['upload-mismatch', ['unreachable'], false],
    ['64:1', ['64:1'], true],
    ['64:1', ['1:1'], false],
    ['smp-timeout', ['smp-cancelled'], false],
  ] as const)('%s against %j: %s', (code, expected, holds) => {
    expect(isRefusal(code, expected)).toBe(holds);
  });

  it('has a name that is given once', () => {
    expect(new Set(REFUSAL_CODES).size).toBe(REFUSAL_CODES.length);
    expect(REFUSAL_CODES).toContain('image:current-version-is-newer');
  });
});
