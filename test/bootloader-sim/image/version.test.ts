import {
  compareImageVersions,
  formatImageVersion,
  formatSmpVersion,
  parseImageVersion,
  type ImageVersion,
} from '@brickproof/bootloader-sim';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

function version(text: string): ImageVersion {
  const parsed = parseImageVersion(text);
  if (!parsed.ok) throw new Error(parsed.detail);
  return parsed.value;
}

describe('an image version', () => {
  it('is read with later parts left out, as imgtool does', () => {
    expect(version('1')).toEqual({ major: 1, minor: 0, revision: 0, buildNumber: 0 });
    expect(version('1.2.3+4')).toEqual({ major: 1, minor: 2, revision: 3, buildNumber: 4 });
    expect(version('255.255.65535+4294967295').buildNumber).toBe(4_294_967_295);
  });

  it('is refused when it is written otherwise or does not fit', () => {
    for (const text of [
      ...['', '1.', '.1', '01.0.0', '1.2.3.4', '1+2', '1.2+3', '-1.0.0', '1.0.0+', ' 1.0.0'],
      ...['256.0.0', '0.256.0', '0.0.65536', '0.0.0+4294967296', 'v1.0.0', '1.0.0\n'],
      '1'.repeat(10_000),
    ]) {
      expect(parseImageVersion(text)).toMatchObject({ ok: false, code: 'version-malformed' });
    }
  });

  it('reads back what it prints', () => {
    const part = (max: number): fc.Arbitrary<number> => fc.integer({ min: 0, max });
    const any = fc.record({
      major: part(255),
      minor: part(255),
      revision: part(65_535),
      buildNumber: part(4_294_967_295),
    });
    fc.assert(
      fc.property(any, (value) => {
        expect(version(formatImageVersion(value))).toEqual(value);
      }),
    );
  });

  it('is printed for SMP with the build number only when there is one', () => {
    expect(formatSmpVersion(version('1.2.3'))).toBe('1.2.3');
    expect(formatSmpVersion(version('1.2.3+4'))).toBe('1.2.3.4');
  });

  it('is compared part by part, without the build number unless asked', () => {
    const ascending = ['0.9.0', '1.0.0', '1.0.1', '1.1.0', '1.10.0', '2.0.0'].map(version);
    for (const [lower, a] of ascending.entries()) {
      for (const [higher, b] of ascending.entries()) {
        expect(Math.sign(compareImageVersions(a, b))).toBe(Math.sign(lower - higher));
      }
    }
    const [a, b] = [version('1.0.0+1'), version('1.0.0+2')];
    expect(compareImageVersions(a, b)).toBe(0);
    expect(compareImageVersions(a, b, { useBuildNumber: true })).toBeLessThan(0);
  });
});
