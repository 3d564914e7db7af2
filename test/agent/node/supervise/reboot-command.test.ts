import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RebootCommand } from '../../../../agent/src/node/supervise/reboot-command.js';
import { removeFolder } from '../../../remove-folder.js';

const POLL_MS = 10;
const POLLS_MAX = 1_000;

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'brickproof-reboot-'));
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});

afterEach(() => {
  vi.useRealTimers();
  for (const id of processIds()) if (isAlive(id)) process.kill(id, 'SIGKILL');
  removeFolder(folder);
});

function processIds(): readonly number[] {
  const file = join(folder, 'ids');
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8').trim().split('\n').map(Number);
}

/** A process that has ended counts as such, even if nobody has asked for its status yet. */
function isAlive(processId: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${processId}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/** Waits in real time; the timers of what is tested stand still. */
async function until(isSo: () => boolean): Promise<void> {
  for (let poll = 0; poll < POLLS_MAX && !isSo(); poll += 1) await sleep(POLL_MS);
  expect(isSo()).toBe(true);
}

describe('a reboot command that hangs', () => {
  it('is ended, with all that it started, before the next try; a stop leaves the last', async () => {
    const reboot = new RebootCommand({
      command: ['sh', '-c', `sleep 60 & echo "$!\n$$" >> '${join(folder, 'ids')}'; wait`],
      environment: {},
      log: { write: () => undefined },
    });
    reboot.request();
    vi.advanceTimersByTime(500);
    await until(() => processIds().length === 2);
    vi.advanceTimersByTime(59_000);
    expect(processIds().map(isAlive)).toEqual([true, true]);
    vi.advanceTimersByTime(1_000);
    await until(() => processIds().length === 4);
    await until(() => !processIds().slice(0, 2).some(isAlive));
    reboot.stop();
    vi.advanceTimersByTime(120_000);
    expect(processIds().slice(2).map(isAlive)).toEqual([true, true]);
  });
});
