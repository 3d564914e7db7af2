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

  it('leaves out SMP frames that begin behind text, or are cut short, and keeps the text', () => {
    const frame = encodeSerialFrames(new Uint8Array(300));
    expect(logOf('uart:~$ ', frame, 'after\n').lines).toEqual(['uart:~$ ', 'after']);
    expect(logOf(frame.subarray(0, 40), '\nafter\n').lines).toEqual(['after']);
  });

  it.each([
    [
      'colours',
      '\x1b[1;31m[00:00:01.2] <err> app: lost\x1b[0m\r\n',
      '[00:00:01.2] <err> app: lost',
    ],
    ['a prompt drawn anew', '\r\x1b[m\x1b[8D\x1b[J<inf> app: up\r\r\n', '<inf> app: up'],
    ['a window title', '\x1b]0;board\x07up\n', 'up'],
    ['a short sequence', '\x1b(B\x1bcup\x1b7\n', 'up'],
    ['a sequence that never ends', 'up\x1b[31\n', 'up'],
    ['other control bytes', 'a\x00b\x07c\rd\te\n', 'a?b?c?d\te'],
    ['bytes that are no text', Buffer.from([0xff, 0x6f, 0x6e, 0x0a]), '?on'],
    ['letters beyond ASCII', Buffer.from('25 °C\n'), '25 °C'],
  ])('keeps a line with %s', (_, piece, line) => {
    expect(logOf(piece).lines).toEqual([line]);
  });

  it('puts a sequence together, whatever pieces it comes in', () => {
    expect(logOf('\x1b', '[3', '2mup\x1b[', '0m\n').lines).toEqual(['up']);
  });

  it('has no line where nothing can be read', () => {
    expect(logOf('\r\n\x1b[0m\n\n').lines).toEqual([]);
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

  it('keeps as much text of a line as it may, however coloured', () => {
    const line = '\x1b[31mx'.repeat(400);
    expect(logOf(line, 'y\n').lines).toEqual(['x'.repeat(400)]);
  });

  it('keeps no more than its bounds, of lines and of each line', () => {
    const log = logOf('x'.repeat(10_000), 'x'.repeat(10_000), '\n', 'line\n'.repeat(5_000));
    expect(log.lines).toHaveLength(2_000);
    expect(logOf('y'.repeat(10_000), '\n').lines).toEqual(['y'.repeat(400)]);
  });
});
