import { describe, expect, it } from 'vitest';
import { DemoReport } from '@brickproof/harness';

describe('a demonstration report', () => {
  it('does not hold when nothing was claimed', () => {
    expect(new DemoReport(() => undefined).held).toBe(false);
  });

  it('does not hold when one claim did not, and says what was found', () => {
    const lines: string[] = [];
    const report = new DemoReport((line) => lines.push(line));
    report.chapter('A chapter');
    report.claim('one', true, 'unused');
    report.claim('two', false, 'three');
    expect(report.held).toBe(false);
    expect(lines).toContain('   ✓ one');
    expect(lines).toContain('   ✗ two, but found: three');
    expect(report.claims).toEqual([
      { chapter: 'A chapter', claim: 'one', held: true },
      { chapter: 'A chapter', claim: 'two', held: false, found: 'three' },
    ]);
  });

  it('holds when every claim did', () => {
    const report = new DemoReport(() => undefined);
    report.claim('one', true);
    expect(report.held).toBe(true);
  });
});
