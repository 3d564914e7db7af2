import {
  CONNECTION_LASTED_MS,
  RECONNECT_DELAY_MS_MAX,
  RECONNECT_DELAY_MS_MIN,
  ReconnectDelay,
} from '@brickproof/agent/node';
import { describe, expect, it } from 'vitest';
import { seededRandom } from './tcp-proxy.js';

const ALMOST_ONE = 1 - 2 ** -32;

function waits(random: () => number, count: number): readonly number[] {
  const delay = new ReconnectDelay(random);
  return Array.from({ length: count }, () => delay.next());
}

describe('ReconnectDelay', () => {
  it('doubles the range of its waits up to the longest', () => {
    expect(waits(() => ALMOST_ONE, 9).map(Math.round)).toEqual([
      500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000,
    ]);
  });

  it('never waits shorter than the shortest or longer than the longest, ever after', () => {
    for (const wait of [...waits(() => 0, 500), ...waits(seededRandom(1), 500)]) {
      expect(wait).toBeGreaterThanOrEqual(RECONNECT_DELAY_MS_MIN);
      expect(wait).toBeLessThanOrEqual(RECONNECT_DELAY_MS_MAX);
    }
  });

  it('spreads a thousand devices over the whole range', () => {
    const third = Array.from({ length: 1_000 }, (_, seed) => waits(seededRandom(seed), 3)[2] ?? 0);
    const inSecond = (n: number): number =>
      third.filter((wait) => wait >= n * 500 && wait < (n + 1) * 500).length;
    for (const n of [1, 2]) expect(inSecond(n)).toBeGreaterThan(200);
  });

  it('starts again after a good connection', () => {
    const delay = new ReconnectDelay(() => ALMOST_ONE);
    for (let n = 0; n < 5; n += 1) delay.next();
    delay.reset();
    expect(Math.round(delay.next())).toBe(2 * RECONNECT_DELAY_MS_MIN);
  });

  it('calls a connection good only when it outlasted the longest wait of another', () => {
    expect(CONNECTION_LASTED_MS).toBeGreaterThan(RECONNECT_DELAY_MS_MAX);
  });
});
