import { IMAGE_COMMAND, SMP_GROUP, readUpdateRecord } from '@brickproof/agent';
import { PowerCut } from '@brickproof/bootloader-sim';
import { describe, expect, it } from 'vitest';
import { TestDevice, buildTestImage } from '../test-device.js';

const OLD = buildTestImage('1.0.0');
const NEW = buildTestImage('1.1.0');
const STATE = [SMP_GROUP.image, IMAGE_COMMAND.state] as const;

/** A device whose permanent mark was cut before the `cutAt`-th write of the trailer. */
function deviceWithCutMark(cutAt: number): TestDevice {
  const device = new TestDevice().program(0, OLD).program(1, NEW, false);
  let writes = 0;
  device.flash.watch(({ kind }) => {
    if (kind === 'write') writes += 1;
    return writes > cutAt ? { kind: 'power-cut', effect: 'untouched' } : undefined;
  });
  expect(() => device.bootControl.setPending(1, { permanent: true })).toThrow(PowerCut);
  device.flash.watch(undefined);
  return device.restart();
}

describe('a mark that was cut short', () => {
  it.each([0, 1])('is made again when %i fields of the trailer were written', (cutAt) => {
    const device = deviceWithCutMark(cutAt);
    expect(device.ask('write', STATE, { hash: NEW.hash })).toHaveProperty('images');
    expect(device.bootControl.state(1)).toMatchObject({ pending: true });
  });

  it('is refused as a trial when the slot already counts as chosen once', () => {
    const device = deviceWithCutMark(2);
    // Magic and copy-done are there, image-ok is not: the bootloader would erase it.
    expect(device.bootControl.state(1)).toMatchObject({ pending: false });
    const refused = device.bootControl.setPending(1, { permanent: false });
    expect(refused).toMatchObject({ ok: false, code: 'trailer-spent' });
    expect(device.ask('write', STATE, { hash: NEW.hash })).toHaveProperty('err');
    expect(readUpdateRecord(device.store)).toBeUndefined();
  });

  it('can still be finished as a permanent one', () => {
    const device = deviceWithCutMark(2);
    const answer = device.ask('write', STATE, { hash: NEW.hash, confirm: true });
    expect(answer).toHaveProperty('images');
    expect(device.bootControl.state(1)).toMatchObject({ pending: true, permanent: true });
  });
});
