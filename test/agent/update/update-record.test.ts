import { IMAGE_COMMAND, SMP_GROUP, Trial, UPDATE_COMMAND } from '@brickproof/agent';
import type { TrialLimits } from '@brickproof/agent';
import { DONE, reject } from '@brickproof/bootloader-sim';
import type { Verdict } from '@brickproof/bootloader-sim';
import { describe, expect, it } from 'vitest';
import { TestDevice, buildTestImage } from '../test-device.js';

const OLD = buildTestImage('1.0.0');
const NEW = buildTestImage('1.1.0');
const NEWER = buildTestImage('1.2.0');
const STATE = [SMP_GROUP.image, IMAGE_COMMAND.state] as const;
const LAST_UPDATE = [SMP_GROUP.brickproof, UPDATE_COMMAND.lastUpdate] as const;

function deviceWithCandidate(mayBoot: () => Verdict<void> = () => DONE): TestDevice {
  const device = new TestDevice({ mayBoot });
  return device.program(0, OLD).program(1, NEW, false);
}

function startTrial(
  device: TestDevice,
  { lines = [], ...limits }: Partial<TrialLimits> & { readonly lines?: string[] } = {},
): Trial {
  return new Trial(
    {
      images: [device.bootControl],
      store: device.store,
      clock: { nowMs: () => device.nowMs },
      selfTest: () => 'pass',
      connectivity: () => 'not-needed',
      requestReset: () => undefined,
      log: (line) => lines.push(line),
    },
    { settleMs: 0, timeoutMs: 1000, confirms: true, ...limits },
  );
}

function lastUpdate(device: TestDevice): unknown {
  return device.ask('read', LAST_UPDATE);
}

describe('what became of the last update', () => {
  it('is nothing on a device that was never updated', () => {
    const device = deviceWithCandidate();
    startTrial(device);
    expect(lastUpdate(device)).toEqual({ state: 'none' });
  });

  it('is told from the mark through the trial to the confirmation', () => {
    const device = deviceWithCandidate();
    device.ask('write', STATE, { hash: NEW.hash });
    expect(lastUpdate(device)).toMatchObject({ state: 'marked', hash: NEW.hash });
    // A restart without a boot changes nothing: the mark is still to be acted upon.
    device.restart(0);
    startTrial(device);
    expect(lastUpdate(device)).toMatchObject({ state: 'marked' });
    device.restart(1);
    const trial = startTrial(device);
    expect(lastUpdate(device)).toMatchObject({ state: 'on-trial', hash: NEW.hash });
    trial.tick();
    expect(lastUpdate(device)).toMatchObject({ state: 'confirmed', hash: NEW.hash });
  });

  it('is confirmed too when a request confirms', () => {
    const device = deviceWithCandidate();
    device.ask('write', STATE, { hash: NEW.hash });
    const trial = startTrial(device.restart(1), { confirms: false });
    trial.tick();
    expect(lastUpdate(device)).toMatchObject({ state: 'on-trial' });
    device.ask('write', STATE, { confirm: true });
    // From the answer on, not only once the trial has seen it.
    expect(lastUpdate(device)).toMatchObject({ state: 'confirmed', hash: NEW.hash });
    trial.tick();
    expect(lastUpdate(device)).toMatchObject({ state: 'confirmed', hash: NEW.hash });
  });

  it('is the next one, when that is marked before the trial has seen the confirmation', () => {
    const device = deviceWithCandidate();
    device.ask('write', STATE, { hash: NEW.hash });
    const trial = startTrial(device.restart(1), { confirms: false });
    trial.tick();
    device.ask('write', STATE, { confirm: true });
    device.bootControl.erase(0);
    device.program(0, NEWER, false);
    device.ask('write', STATE, { hash: NEWER.hash });
    trial.tick();
    expect(trial.state).toBe('confirmed');
    expect(lastUpdate(device)).toMatchObject({ state: 'marked', hash: NEWER.hash });
  });

  it('is a failure when the bootloader went back', () => {
    const device = deviceWithCandidate();
    device.ask('write', STATE, { hash: NEW.hash });
    startTrial(device.restart(1));
    device.bootControl.erase(1);
    const lines: string[] = [];
    startTrial(device.restart(0), { lines });
    expect(lastUpdate(device)).toMatchObject({ state: 'failed', hash: NEW.hash });
    expect(lines.join()).toMatch(/rolled back/);
    // It is told again after every start, and logged once.
    const later: string[] = [];
    startTrial(device.restart(0), { lines: later });
    expect(lastUpdate(device)).toMatchObject({ state: 'failed' });
    expect(later).toEqual([]);
  });

  it('is a failure when a marked image was dropped before it ever ran', () => {
    const device = deviceWithCandidate();
    device.ask('write', STATE, { hash: NEW.hash });
    device.bootControl.erase(1);
    const lines: string[] = [];
    startTrial(device.restart(0), { lines });
    expect(lastUpdate(device)).toMatchObject({ state: 'failed', hash: NEW.hash });
    expect(lines.join()).toMatch(/marked to boot, and does not run/);
  });

  it('is nothing when the image was refused', () => {
    const device = deviceWithCandidate(() => reject('image-signature-invalid', 'forged'));
    expect(device.ask('write', STATE, { hash: NEW.hash })).toHaveProperty('err');
    expect(lastUpdate(device)).toEqual({ state: 'none' });
  });

  it('is noted for an image on trial that somebody else marked', () => {
    const device = deviceWithCandidate();
    device.bootControl.setPending(1, { permanent: false });
    startTrial(device.restart(1), { settleMs: 10 });
    expect(lastUpdate(device)).toMatchObject({ state: 'on-trial', hash: NEW.hash });
  });
});

describe('a server for a link with other buffers', () => {
  it('tells its own buffers, and shares everything else', () => {
    const device = deviceWithCandidate();
    const small = device.server.withBuffers({ bufferSizeBytes: 300, bufferCount: 1 });
    expect(small.messageBytesMax).toBe(300);
    expect(device.server.messageBytesMax).toBe(2048);
    device.ask('write', [SMP_GROUP.os, 4], { datetime: '2024-02-29T12:00:00' });
    const request = Uint8Array.of(0x08, 0, 0, 1, 0, 0, 9, 4, 0xa0);
    const text = String.fromCharCode(...(small.handle(request) ?? []));
    expect(text).toContain('2024-02-29T12:00:00');
  });
});
