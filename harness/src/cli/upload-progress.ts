import { Presets, SingleBar } from 'cli-progress';
import type { ImageUploadProgress } from '../client/image-upload.js';
import { tell } from './outcome.js';

/** Where there is no terminal, a line this often says that it goes on. */
const LINE_INTERVAL_MS = 2_000;
const PERCENT = 100;
const KIB = 1024;

/** Shows how far an upload is, on standard error. */
export interface UploadProgress {
  update(progress: ImageUploadProgress): void;
  stop(): void;
}

/** A bar on a terminal, a line now and then elsewhere. */
export function createUploadProgress(): UploadProgress {
  return process.stderr.isTTY ? createBar() : createLines();
}

function createBar(): UploadProgress {
  const bar = new SingleBar(
    {
      format: '{bar} {percentage}% | {kib} of {totalKib} KiB | {speed} KiB/s | {eta_formatted}',
      stream: process.stderr,
      hideCursor: true,
    },
    Presets.shades_classic,
  );
  const startedMs = performance.now();
  let started = false;
  return {
    update: ({ sentBytes, totalBytes, resumedFrom }) => {
      const seconds = (performance.now() - startedMs) / 1_000;
      const payload = {
        kib: Math.round(sentBytes / KIB),
        totalKib: Math.round(totalBytes / KIB),
        speed: Math.round((sentBytes - resumedFrom) / KIB / Math.max(seconds, 0.001)),
      };
      if (!started) bar.start(totalBytes, sentBytes, payload);
      started = true;
      bar.update(sentBytes, payload);
    },
    stop: () => {
      bar.stop();
    },
  };
}

function createLines(): UploadProgress {
  let toldMs = performance.now();
  return {
    update: ({ sentBytes, totalBytes }) => {
      const nowMs = performance.now();
      if (nowMs - toldMs < LINE_INTERVAL_MS) return;
      toldMs = nowMs;
      const percent = Math.floor((sentBytes * PERCENT) / totalBytes);
      tell(`${percent} % (${sentBytes} of ${totalBytes} bytes)`);
    },
    stop: () => undefined,
  };
}
