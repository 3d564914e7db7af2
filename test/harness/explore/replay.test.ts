import { createHostCrypto } from '@brickproof/agent/node';
import { runExploration, type Counterexample } from '@brickproof/harness';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeReplayId, encodeReplayId } from '../../../harness/src/explore/replay-id.js';
import { replayExploration } from '../../../harness/src/explore/replay.js';

const crypto = createHostCrypto();

/** One cut in it makes swap-using-move forget its revert. */
const REQUEST = {
  scene: 'revert',
  geometry: {
    strategy: 'swap-using-move',
    slotSizeBytes: 16_384,
    sectorSizeBytes: 4096,
    writeAlignBytes: 8,
    erasedValue: 0xff,
  },
  imageSizeBytes: 6000,
  tears: ['prefix'],
  cutsMax: 'any',
  statesMax: 10_000,
  flickersMax: 1,
} as const;

describe('the identifier of what was found', () => {
  let found: Counterexample;

  beforeAll(() => {
    const explored = runExploration(REQUEST, { crypto });
    if (!explored.ok || explored.value.counterexample === undefined)
      throw new Error('nothing found');
    found = explored.value.counterexample;
  });

  it('goes the same way again, and finds the same', () => {
    expect(found).toMatchObject({ invariant: 'tried-once', cuts: 1 });
    const replayed = replayExploration(found.replayId, { crypto });
    expect(replayed).toEqual({ ok: true, value: { request: REQUEST, counterexample: found } });
  });

  it('finds nothing where the fault is mended', () => {
    const decoded = decodeReplayId(found.replayId);
    if (!decoded.ok) throw new Error(decoded.detail);
    const { request } = decoded.value;
    const mended = encodeReplayId({ ...decoded.value, request: { ...request, hardened: true } });
    const replayed = replayExploration(mended, { crypto });
    expect(replayed).toMatchObject({ ok: true, value: { counterexample: undefined } });
  });

  it('is refused where it belongs to other images', () => {
    const decoded = decodeReplayId(found.replayId);
    if (!decoded.ok) throw new Error(decoded.detail);
    const { request } = decoded.value;
    const other = { ...decoded.value, request: { ...request, imageSizeBytes: 5999 } };
    expect(replayExploration(encodeReplayId(other), { crypto })).toMatchObject({
      ok: false,
      code: 'replay-elsewhere',
    });
  });

  it.each(['', 'bp1-', 'bp1-W10', 'bp2-abc', 'bp1-a b', `bp1-${'a'.repeat(5_000)}`])(
    'is refused when it is none: %j',
    (id) => {
      expect(replayExploration(id, { crypto })).toMatchObject({
        ok: false,
        code: 'replay-malformed',
      });
    },
  );
});
