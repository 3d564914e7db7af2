import { describe, expect, it } from 'vitest';
import { IMAGE_COMMAND, SMP_GROUP, type SmpBody } from '@brickproof/agent';
import type { StrategyName } from '@brickproof/bootloader-sim';
import type { DeviceModelName, VirtualBoard } from '@brickproof/harness';
import {
  EFFECTS,
  KEY,
  ask,
  board,
  firmware,
  images,
  resetBySmp,
  startTrial,
  testSlot,
  upload,
} from './test-board.js';

const BOARDS: readonly (readonly [DeviceModelName, StrategyName])[] = [
  ['nrf-equal', 'swap-using-offset'],
  ['nrf-equal', 'swap-using-move'],
  ['nrf-equal', 'swap-using-scratch'],
  ['stm-unequal', 'swap-using-scratch'],
];
const SLOT_INFO = { op: 'read', group: SMP_GROUP.image, command: IMAGE_COMMAND.slotInfo } as const;

function consoleOf(b: VirtualBoard): readonly string[] {
  const lines: string[] = [];
  let rest = '';
  b.listen({
    uart: (bytes) => {
      const pieces = (rest + Buffer.from(bytes).toString('latin1')).split('\r\n');
      rest = pieces.pop() ?? '';
      lines.push(...pieces);
    },
  });
  return lines;
}

function operationsOf({ flash }: VirtualBoard): number {
  return flash.statistics.writes + flash.statistics.erases;
}

/** From the upload to the confirmed image; a power cut ends it wherever it is. */
function tell(b: VirtualBoard, image: Uint8Array): void {
  upload(b, image);
  testSlot(b, 1);
  resetBySmp(b);
  b.advance(3_000);
  b.reset();
  b.advance(3_000);
}

describe.each(BOARDS)('a virtual %s board with %s', (model, strategy) => {
  it('tells the story of an update and its revert in MCUboot’s words', () => {
    const b = board({ model, strategy });
    const lines = consoleOf(b);
    startTrial(b, firmware('1.1.0', { selfTest: 'fail' }));
    b.advance(5_000);
    const story = lines.filter((line) =>
      /^I: (Image index|Starting swap|Image version)/.test(line),
    );
    const named = story.filter((line) => !line.endsWith('Swap type: none'));
    const starting = `Starting swap using ${strategy.slice('swap-using-'.length)} algorithm.`;
    expect(named.map((line) => line.replace(/^I: /, ''))).toEqual([
      'Image index: 0, Swap type: test',
      starting,
      'Image version: v1.1.0',
      'Image index: 0, Swap type: revert',
      starting,
      'Image version: v1.0.0',
    ]);
    expect(lines).toContain('I: Starting bootloader');
    expect(lines.some((line) => line.startsWith('I: Primary image: magic='))).toBe(true);
  });

  it('runs the old or the new image after a power cut in every 7th operation of the story', () => {
    const image = firmware('1.1.0', undefined, KEY, 9_000);
    const whole = board({ model, strategy });
    const before = operationsOf(whole);
    tell(whole, image);
    expect(whole.state).toMatchObject({ version: '1.1.0+0', trial: 'idle' });
    const operations = operationsOf(whole) - before;
    const ends = new Map<string, number>();
    for (let cut = 0; cut < operations; cut += 7) {
      const b = board({ model, strategy });
      b.cutPowerAfter(cut, EFFECTS[(cut / 7) % EFFECTS.length]);
      tell(b, image);
      expect(b.state.power).toBe('off');
      b.powerOn();
      b.advance(20_000);
      expect(b.state.power).toBe('running');
      expect(b.state.trial).not.toBe('testing');
      const { version = 'none' } = b.state;
      b.reset();
      b.advance(5_000);
      expect(b.state).toMatchObject({ power: 'running', version });
      ends.set(version, (ends.get(version) ?? 0) + 1);
      // And it can be updated after all.
      if (version === '1.0.0+0') tell(b, image);
      expect(b.state.version).toBe('1.1.0+0');
    }
    expect([...ends.keys()].toSorted()).toEqual(['1.0.0+0', '1.1.0+0']);
  });

  it('says how large an image may be, and takes one of that size', () => {
    const b = board({ model, strategy });
    const [info] = ask(b, SLOT_INFO)?.['images'] as readonly SmpBody[];
    const max = Number(info?.['max_image_size']);
    const overhead = firmware('1.1.0').byteLength - 20_000;
    startTrial(b, firmware('1.1.0', undefined, KEY, max - overhead));
    b.advance(2_000);
    expect(b.state).toMatchObject({ version: '1.1.0+0', trial: 'confirmed' });
    const larger = firmware('1.2.0', undefined, KEY, max - overhead + 1);
    expect(upload(b, larger)).not.toHaveProperty('match');
  });

  it('goes on with an upload after a power cut, and installs it', () => {
    const b = board({ model, strategy });
    const image = firmware('1.1.0', undefined, KEY, 200_000);
    b.cutPowerAfter(80, { kind: 'unstable', words: 1 });
    upload(b, image);
    expect(b.state.power).toBe('off');
    b.powerOn();
    b.advance(500);
    expect(images(b).map(({ slot }) => slot)).toEqual([0]);
    startTrial(b, image);
    b.advance(2_000);
    expect(b.state).toMatchObject({ version: '1.1.0+0', trial: 'confirmed' });
  });
});

describe('a virtual board with two images', () => {
  it.each(['swap-using-offset', 'swap-using-move', 'swap-using-scratch'] as const)(
    'tells of both under %s, and updates one of them',
    (strategy) => {
      const b = board({ model: 'nrf-dual', strategy });
      expect(b.state).toMatchObject({ version: '1.0.0+0', otherVersions: ['3.0.0+0'] });
      expect(b.counters.snapshot()).toEqual([1, 1]);
      startTrial(b, firmware('1.1.0'));
      b.advance(2_000);
      expect(b.state).toMatchObject({
        version: '1.1.0+0',
        otherVersions: ['3.0.0+0'],
        trial: 'confirmed',
      });
    },
  );
});
