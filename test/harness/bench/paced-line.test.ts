import { describe, expect, it } from 'vitest';
import { LINE_PENDING_BYTES_MAX, LineDirection } from '@brickproof/harness';

/** A line on which a byte takes one millisecond, and what arrived over it. */
function line(): { readonly direction: LineDirection; readonly arrived: number[] } {
  const arrived: number[] = [];
  const direction = new LineDirection({
    bytesPerSecond: 1_000,
    deliver: (bytes) => arrived.push(...bytes),
  });
  return { direction, arrived };
}

describe('a paced line', () => {
  it('delivers each byte when its slot is over, not before', () => {
    const { direction, arrived } = line();
    direction.push(Uint8Array.of(1, 2, 3), 100);
    direction.advance(100.9);
    expect(arrived).toEqual([]);
    direction.advance(101);
    expect(arrived).toEqual([1]);
    direction.advance(102.5);
    expect(arrived).toEqual([1, 2]);
    direction.advance(500);
    expect(arrived).toEqual([1, 2, 3]);
    expect(direction.isEmpty).toBe(true);
  });

  it('keeps the order of what was pushed, and delivers each byte once', () => {
    const { direction, arrived } = line();
    direction.push(Uint8Array.of(1, 2), 0);
    direction.push(Uint8Array.of(3), 1.5);
    direction.push(Uint8Array.of(4, 5), 10);
    direction.advance(1_000);
    direction.advance(2_000);
    expect(arrived).toEqual([1, 2, 3, 4, 5]);
  });

  it('starts the slots of waiting bytes right behind those before them', () => {
    const { direction, arrived } = line();
    direction.push(Uint8Array.of(1, 2), 0);
    direction.push(Uint8Array.of(3), 1.5);
    direction.advance(2.9);
    expect(arrived).toEqual([1, 2]);
    direction.advance(3);
    expect(arrived).toEqual([1, 2, 3]);
    expect(direction.usage).toEqual({ bytes: 3, busyMs: 3, idleMs: 0, spanMs: 3 });
  });

  it('counts as idle exactly the time between two runs of bytes', () => {
    const { direction } = line();
    direction.push(new Uint8Array(10), 50);
    direction.push(new Uint8Array(5), 64);
    direction.push(new Uint8Array(5), 72.5);
    expect(direction.usage).toEqual({ bytes: 20, busyMs: 20, idleMs: 7.5, spanMs: 27.5 });
  });

  it('does not count the time before the first byte, nor after the last', () => {
    const { direction } = line();
    direction.push(new Uint8Array(4), 1_000);
    direction.advance(9_000);
    expect(direction.usage).toEqual({ bytes: 4, busyMs: 4, idleMs: 0, spanMs: 4 });
  });

  it('accounts the same however late the arrivals are handed over', () => {
    const punctual = line();
    const late = line();
    for (const { direction } of [punctual, late]) direction.push(new Uint8Array(10), 0);
    for (let nowMs = 0; nowMs < 20; nowMs += 0.5) punctual.direction.advance(nowMs);
    for (const { direction } of [punctual, late]) direction.push(new Uint8Array(10), 20);
    late.direction.advance(300);
    expect(late.direction.usage).toEqual(punctual.direction.usage);
    expect(late.direction.usage.idleMs).toBe(10);
  });

  it('starts its account again only when nothing is on the line', () => {
    const { direction } = line();
    direction.push(new Uint8Array(2), 0);
    expect(() => {
      direction.restartUsage();
    }).toThrow('with bytes on the line');
    direction.advance(2);
    direction.restartUsage();
    direction.push(new Uint8Array(3), 100);
    expect(direction.usage).toEqual({ bytes: 3, busyMs: 3, idleMs: 0, spanMs: 3 });
  });

  it('throws when more waits than any window has under way', () => {
    const { direction } = line();
    direction.push(new Uint8Array(LINE_PENDING_BYTES_MAX), 0);
    expect(() => {
      direction.push(new Uint8Array(1), 0);
    }).toThrow(RangeError);
    direction.push(new Uint8Array(1), 1);
    expect(direction.usage.bytes).toBe(LINE_PENDING_BYTES_MAX + 1);
  });
});
