import { accept } from '@brickproof/bootloader-sim';
import { createStreamLog } from '../daemon/daemon-log.js';
import { startDaemon } from '../daemon/daemon.js';
import type { PreparedLinks } from '../daemon/device-links.js';
import type { OpenDevice, Opened } from '../daemon/open-device.js';
import { createServiceManager } from '../supervise/service-manager.js';

/** What a reader of the log may leave unread; lines after that are lost. */
const LOG_UNREAD_BYTES_MAX = 64 * 1_024;
/** The daemon has no more than this to end when it is asked to. */
const STOP_TIMEOUT_MS = 5_000;

/** Runs the daemon until SIGTERM or SIGINT. */
export async function runDaemon(device: OpenDevice, links: PreparedLinks): Promise<Opened<string>> {
  process.stdout.on('error', ignoreLogError);
  const log = createStreamLog(writeLogLine, {
    forJournal: process.env['JOURNAL_STREAM'] !== undefined,
  });
  const serviceManager = createServiceManager({
    environment: process.env,
    processId: process.pid,
    log,
    nowMs: () => performance.now(),
  });
  // From the first moment: a stop while links are opening is a stop all the same.
  const stopped = new Promise<string>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.once(signal, () => {
        resolve(signal);
      });
    }
  });
  const daemon = startDaemon(device, { log, serviceManager, links });
  if (!daemon.ok) {
    device.close();
    return daemon;
  }
  void daemon.value.ready();
  const signal = await stopped;
  log.write('info', `Stopping (${signal})`);
  const deadline = setTimeout(() => {
    log.write('error', `not stopped after ${STOP_TIMEOUT_MS} ms; what was acknowledged is kept`);
    process.exit();
  }, STOP_TIMEOUT_MS);
  await daemon.value.stop();
  clearTimeout(deadline);
  log.write('info', 'Stopped');
  return accept('');
}

function writeLogLine(line: string): void {
  if (process.stdout.writableLength <= LOG_UNREAD_BYTES_MAX) process.stdout.write(line);
}

/** A device whose log's disk is full, or whose log's reader is gone, goes on without it. */
function ignoreLogError(): void {
  // Each line is tried anew: a disk may have room again.
}
