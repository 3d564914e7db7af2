import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createServiceManager } from '../../../../agent/src/node/supervise/service-manager.js';
import type {
  ServiceEnvironment,
  ServiceManager,
} from '../../../../agent/src/node/supervise/service-manager.js';
import { removeFolder } from '../../../remove-folder.js';

const PATIENCE = { timeout: 10_000, interval: 10 };
const PROCESS_ID = 4_711;
const SOCKET = '/nowhere/notify';

let folder = '';
let nowMs = 0;
const warnings: string[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'brickproof-manager-'));
  nowMs = 0;
  warnings.length = 0;
});

afterEach(() => {
  vi.unstubAllEnvs();
  removeFolder(folder);
});

/** A systemd-notify that notes what it was called with. */
function installNotify(): void {
  const program = join(folder, 'systemd-notify');
  writeFileSync(program, `#!/bin/sh\necho "$@" >> '${join(folder, 'told')}'\n`);
  chmodSync(program, 0o755);
}

function manager(environment: ServiceEnvironment): ServiceManager {
  vi.stubEnv('PATH', folder);
  return createServiceManager({
    environment,
    processId: PROCESS_ID,
    log: { write: (_level, text) => warnings.push(text) },
    nowMs: () => nowMs,
  });
}

async function told(lines: readonly string[]): Promise<void> {
  const file = join(folder, 'told');
  await vi.waitFor(() => {
    const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
    expect(text.split('\n').filter((line) => line !== '')).toEqual(lines);
  }, PATIENCE);
}

describe('the service manager', () => {
  it('is told of the start, of life at half the time of the watchdog, and of the end', async () => {
    installNotify();
    const systemd = manager({ NOTIFY_SOCKET: SOCKET, WATCHDOG_USEC: '1000000' });
    systemd.ready('serial');
    await told(['READY=1 STATUS=serial']);
    nowMs = 499;
    systemd.alive();
    nowMs = 500;
    systemd.alive();
    await told(['READY=1 STATUS=serial', 'WATCHDOG=1']);
    systemd.stopping();
    await told(['READY=1 STATUS=serial', 'WATCHDOG=1', 'STOPPING=1']);
  });

  it.each<readonly [string, ServiceEnvironment, number | undefined]>([
    ['no watchdog', {}, undefined],
    ['a watchdog of 0', { WATCHDOG_USEC: '0' }, undefined],
    ['a watchdog that is no number', { WATCHDOG_USEC: 'soon' }, undefined],
    ['the watchdog of another process', { WATCHDOG_USEC: '1000000', WATCHDOG_PID: '1' }, undefined],
    ['its own watchdog', { WATCHDOG_USEC: '1000000', WATCHDOG_PID: String(PROCESS_ID) }, 250],
    ['a watchdog of anybody', { WATCHDOG_USEC: '30000000' }, 7_500],
    ['a watchdog of a millisecond', { WATCHDOG_USEC: '1000' }, 100],
  ])('with %s knows how often it wants a sign', (_what, environment, expected) => {
    expect(manager({ NOTIFY_SOCKET: SOCKET, ...environment }).aliveEveryMs).toBe(expected);
  });

  it('is nobody where there is no socket', async () => {
    installNotify();
    const nobody = manager({ WATCHDOG_USEC: '1000000' });
    expect(nobody.aliveEveryMs).toBeUndefined();
    nobody.ready('to nobody');
    manager({ NOTIFY_SOCKET: SOCKET }).ready('to somebody');
    await told(['READY=1 STATUS=to somebody']);
  });

  it.each(['ENOENT', 'ELOOP'])('that cannot be told (%s) is a warning', async (code) => {
    if (code === 'ELOOP') symlinkSync('systemd-notify', join(folder, 'systemd-notify'));
    manager({ NOTIFY_SOCKET: SOCKET }).ready('serial');
    await vi.waitFor(() => {
      expect(warnings).toEqual([
        expect.stringMatching(`The service manager cannot be told: spawn .*${code}`),
      ]);
    }, PATIENCE);
  });
});
