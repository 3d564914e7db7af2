import { OS_COMMAND, OS_ERROR } from '@brickproof/agent';
import { describe, expect, it } from 'vitest';
import { TestDevice } from '../test-device.js';

const osError = (rc: number): object => ({ err: { group: 0, rc } });

describe('the os group', () => {
  it('echoes text, asked by read or write', () => {
    const target = new TestDevice();
    expect(target.ask('write', [0, OS_COMMAND.echo], { d: 'héllo' })).toEqual({ r: 'héllo' });
    expect(target.ask('read', [0, OS_COMMAND.echo], { d: '' })).toEqual({ r: '' });
    expect(target.ask('read', [0, OS_COMMAND.echo])).toEqual({ r: '' });
    expect(target.ask('read', [0, OS_COMMAND.echo], { d: 4 })).toEqual({ rc: 3 });
  });

  it('asks the system for a reset and answers with an empty map', () => {
    const target = new TestDevice();
    expect(target.ask('write', [0, OS_COMMAND.reset])).toEqual({});
    expect(target.ask('write', [0, OS_COMMAND.reset], { force: true, boot_mode: 1 })).toEqual({});
    expect(target.ask('write', [0, OS_COMMAND.reset], { force: 'yes' })).toEqual({});
    expect(target.resets).toEqual([
      { force: false, bootMode: 0 },
      { force: true, bootMode: 1 },
      { force: false, bootMode: 0 },
    ]);
  });

  it('tells its buffers', () => {
    const body = new TestDevice({ bufferSizeBytes: 1234 }).ask('read', [0, OS_COMMAND.params]);
    expect(body).toEqual({ buf_size: 1234, buf_count: 4 });
  });

  it.each([
    [undefined, 'Brickproof'],
    ['', 'Brickproof'],
    ['s', 'Brickproof'],
    ['n', 'node'],
    ['oins', 'Brickproof node board BrickOS'],
    ['ss', 'Brickproof'],
    ['a', 'Brickproof node 1.0.0 1.0.0-test today sim none board BrickOS'],
    ['sa', 'Brickproof node 1.0.0 1.0.0-test today sim none board BrickOS'],
  ])('writes the fields of the format %s in their own order', (format, output) => {
    const body = format === undefined ? {} : { format };
    expect(new TestDevice().ask('read', [0, OS_COMMAND.info], body)).toEqual({ output });
  });

  it('refuses a format with a letter it does not know', () => {
    const target = new TestDevice();
    for (const format of ['x', 'sx', 'ax', 'S', ' ']) {
      const body = target.ask('read', [0, OS_COMMAND.info], { format });
      expect(body).toEqual(osError(OS_ERROR.invalidFormat));
    }
    expect(target.ask('read', [0, OS_COMMAND.info], { format: 1 })).toEqual({ rc: 3 });
  });

  it('introduces the bootloader and tells its mode', () => {
    const target = new TestDevice();
    const ask = (body: Record<string, string>): object =>
      target.ask('read', [0, OS_COMMAND.bootloaderInfo], body);
    expect(ask({})).toEqual({ bootloader: 'MCUboot' });
    expect(ask({ query: 'mode' })).toEqual({ mode: 5, 'no-downgrade': true });
    expect(ask({ query: 'else' })).toEqual(osError(OS_ERROR.queryYieldsNoAnswer));
  });

  it('has no time until it is told, and then keeps it', () => {
    const target = new TestDevice();
    target.nowMs = 5_000;
    expect(target.ask('read', [0, OS_COMMAND.datetime])).toEqual(osError(OS_ERROR.clockNotSet));
    const sent = { datetime: '2026-02-28T23:59:58' };
    expect(target.ask('write', [0, OS_COMMAND.datetime], sent)).toEqual({});
    target.nowMs += 3_500;
    expect(target.ask('read', [0, OS_COMMAND.datetime])).toEqual({
      datetime: '2026-03-01T00:00:01',
    });
  });

  it.each([
    '2026-01-01T00:00:00',
    '2026-01-01 00:00:00',
    '2026-01-01T00:00:00Z',
    '2026-01-01T00:00:00.123',
    '2026-01-01T00:00:00+01:00',
    '2024-02-29T00:00:00',
  ])('takes %s as a time', (datetime) => {
    const target = new TestDevice();
    expect(target.ask('write', [0, OS_COMMAND.datetime], { datetime })).toEqual({});
    const told = target.ask('read', [0, OS_COMMAND.datetime]);
    expect(told).toEqual({ datetime: datetime.slice(0, 19).replace(' ', 'T') });
  });

  it.each([
    '',
    'tomorrow',
    '2026-13-01T00:00:00',
    '2026-02-29T00:00:00',
    '2026-01-01T24:00:00',
    '2026-01-01T00:60:00',
    '1969-12-31T23:59:59',
    '2026-01-01T00:00:00.1234567890',
    '2026-1-1T00:00:00',
  ])('refuses %s as a time', (datetime) => {
    const target = new TestDevice();
    expect(target.ask('write', [0, OS_COMMAND.datetime], { datetime })).toEqual({ rc: 3 });
    expect(target.ask('write', [0, OS_COMMAND.datetime], {})).toEqual({ rc: 3 });
  });
});
