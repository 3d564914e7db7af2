import { encodeSerialFrames } from '@brickproof/agent';
import { describe, expect, it } from 'vitest';
import { ConsoleLog } from '@brickproof/harness';

function logOf(...pieces: readonly (string | Uint8Array)[]): ConsoleLog {
  const log = new ConsoleLog();
  for (const piece of pieces) log.add(typeof piece === 'string' ? Buffer.from(piece) : piece);
  return log;
}

describe('the console of a scenario', () => {
  it('puts lines together, whatever pieces they come in', () => {
    expect(logOf('I: on', 'e\r', '\nI: two\nI: thr').lines).toEqual(['I: one', 'I: two']);
  });

  it('leaves out SMP frames', () => {
    const frame = encodeSerialFrames(new Uint8Array(300));
    expect(logOf('before\r\n', frame, 'after\r\n').lines).toEqual(['before', 'after']);
  });

  it('finds a part of a line, or a regular expression', () => {
    const log = logOf('I: Image 0 loaded\n', 'W: rolled back\n');
    expect(log.find('loaded')).toBe('I: Image 0 loaded');
    expect(log.find({ matches: '^W: .* back$' })).toBe('W: rolled back');
    expect(log.missing(['Image', { matches: '^back' }, 'other'])).toEqual([
      { matches: '^back' },
      'other',
    ]);
  });

  it('keeps no more than its bounds, of lines and of each line', () => {
    const log = logOf('x'.repeat(10_000), 'x'.repeat(10_000), '\n', 'line\n'.repeat(5_000));
    expect(log.lines).toHaveLength(2_000);
    expect(logOf('y'.repeat(10_000), '\n').lines).toEqual(['y'.repeat(400)]);
  });
});
