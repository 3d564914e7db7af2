import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { markForDirectXip, readTrailer, type VerificationKey } from '@brickproof/bootloader-sim';
import {
  DEVICE_MODELS,
  VirtualBoard,
  createHostCrypto,
  loadVerificationKey,
  provisionFlash,
  type DeviceModelName,
} from '@brickproof/harness';

const FOLDER = fileURLToPath(new URL('../../firmware-samples/', import.meta.url));

interface Index {
  readonly device: { readonly securityCounter: number; readonly runs: string };
  readonly keys: readonly { readonly file: string; readonly trusted: boolean }[];
  readonly samples: readonly {
    readonly model: DeviceModelName;
    readonly file: string;
    readonly version: string;
    readonly outcome: 'runs' | 'rolled-back' | 'refused';
  }[];
}

const index = JSON.parse(readFileSync(join(FOLDER, 'index.json'), 'utf8')) as Index;
const keys: readonly VerificationKey[] = index.keys
  .filter((key) => key.trusted)
  .map((key) => {
    const loaded = loadVerificationKey(readFileSync(join(FOLDER, key.file), 'utf8'));
    if (!loaded.ok) throw new Error(loaded.detail);
    return loaded.value;
  });

const SETTLE_MS = 90_000;
const OLD = '1.0.0+0';

function boardOf(model: DeviceModelName): VirtualBoard {
  const image = new Uint8Array(readFileSync(join(FOLDER, model, index.device.runs)));
  const flash = provisionFlash(DEVICE_MODELS[model], image);
  if (!flash.ok) throw new Error(flash.detail);
  return new VirtualBoard({
    model: DEVICE_MODELS[model],
    strategy: 'direct-xip',
    keys,
    crypto: createHostCrypto(),
    flash: flash.value,
    seed: 1,
    securityCounter: index.device.securityCounter,
  });
}

/**
 * Puts the sample into slot 1 behind the agent's back and marks it, so that the bootloader alone
 * decides. Answers what ran, in order; empty when the sample does not even fit.
 */
function tell(model: DeviceModelName, sample: Uint8Array): readonly string[] {
  const board = boardOf(model);
  const area = board.area('slot1');
  const align = area.writeAlignBytes;
  const padded = new Uint8Array(Math.ceil(sample.byteLength / align) * align).fill(0xff);
  padded.set(sample);
  if (!area.write(0, padded).ok) return [];
  if (readTrailer(area).magic === 'unset') markForDirectXip(area, { confirm: false });
  const versions: string[] = [];
  board.listen({
    uart: (bytes) => {
      const match = /\*\*\* Booting firmware (\S+) \*\*\*/.exec(
        Buffer.from(bytes).toString('latin1'),
      );
      if (match?.[1] !== undefined) versions.push(match[1]);
    },
  });
  board.powerOn();
  board.advance(SETTLE_MS);
  board.reset();
  board.advance(1_000);
  return versions;
}

describe('a board that runs 1.0.0 and finds a marked sample in slot 1', () => {
  it('is told of every outcome', () => {
    expect(new Set(index.samples.map((sample) => sample.outcome))).toEqual(
      new Set(['runs', 'rolled-back', 'refused']),
    );
  });

  it.each(
    index.samples.map(({ file, model, outcome, version }) => ({ file, model, outcome, version })),
  )('$file: $outcome', ({ file, model, outcome, version }) => {
    const versions = tell(model, new Uint8Array(readFileSync(join(FOLDER, file))));
    const last = versions.at(-1) ?? OLD;
    const wasTried = versions[0] !== undefined && versions[0] !== OLD;
    if (outcome === 'runs') expect(last).toBe(`${version}+0`);
    else expect(last).toBe(OLD);
    if (outcome === 'refused') expect(wasTried).toBe(false);
    if (outcome === 'rolled-back') expect(versions[0]).toBe(`${version}+0`);
  });
});
