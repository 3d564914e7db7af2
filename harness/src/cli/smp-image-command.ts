import type { Command } from 'commander';
import { printable } from '../client/device-error.js';
import type { ImageEntry, SlotEntry } from '../client/image-entries.js';
import type { ImageUploadReport } from '../client/image-upload.js';
import type { SmpClient } from '../client/smp-client.js';
import type { SmpResult } from '../client/smp-result.js';
import { addGroup, addVerb, integerArgument } from './command-tree.js';
import { EXIT } from './exit-status.js';
import { readFileBytes } from './files.js';
import { readImageHash, toHex } from './image-hash.js';
import { failed, held, report } from './outcome.js';
import type { CliOutcome, JsonValue } from './outcome.js';
import { formatSize } from '@brickproof/agent/node';
import { failedRequest, withClient } from './smp-session.js';
import type { TargetContext } from './smp-session.js';
import { formatTable } from './table.js';
import { createUploadProgress } from './upload-progress.js';

const EXAMPLE = 'brickproof smp --target serial:/dev/ttyACM0 image';
const SLOT_MAX = 255;
const KIB = 1024;
const MS_PER_SECOND = 1_000;

/** Adds `smp image` with its verbs. */
export function registerSmpImageCommand(smp: Command, context: TargetContext): void {
  const image = addGroup(smp, 'image', 'the images on a device');
  registerList(image, context);
  registerUpload(image, context);
  registerTest(image, context);
  registerConfirm(image, context);
  registerErase(image, context);
  registerSlots(image, context);
}

function registerList(image: Command, context: TargetContext): void {
  addVerb(image, {
    usage: 'list',
    description: 'print the images on the device',
    example: `${EXAMPLE} list`,
  }).action(async (_options: unknown, command: Command) => {
    const ask = async (client: SmpClient): Promise<CliOutcome> =>
      showImages(await client.imageState());
    report(command, await withClient(command, context, ask));
  });
}

function registerTest(image: Command, context: TargetContext): void {
  addVerb(image, {
    usage: 'test <hash-or-file>',
    description: 'let an image boot next, on trial',
    example: `${EXAMPLE} test app-1.1.0.bin`,
  }).action(async (text: string, _options: unknown, command: Command) => {
    const hash = readImageHash(text);
    if (!hash.ok) {
      report(command, failed(EXIT.usage, hash.code, hash.detail));
      return;
    }
    const ask = async (client: SmpClient): Promise<CliOutcome> =>
      showImages(await client.imageTest(hash.value));
    report(command, await withClient(command, context, ask));
  });
}

function registerConfirm(image: Command, context: TargetContext): void {
  addVerb(image, {
    usage: 'confirm [hash-or-file]',
    description: 'keep the image that runs, or let another one boot for good',
    example: `${EXAMPLE} confirm`,
  }).action(async (text: string | undefined, _options: unknown, command: Command) => {
    const hash = text === undefined ? undefined : readImageHash(text);
    if (hash?.ok === false) {
      report(command, failed(EXIT.usage, hash.code, hash.detail));
      return;
    }
    const ask = async (client: SmpClient): Promise<CliOutcome> =>
      showImages(await client.imageConfirm(hash?.value));
    report(command, await withClient(command, context, ask));
  });
}

function registerErase(image: Command, context: TargetContext): void {
  addVerb(image, {
    usage: 'erase',
    description: 'erase a slot; by default the one that does not run',
    example: `${EXAMPLE} erase`,
  })
    .argument('[slot]', 'the number of the slot', integerArgument(0, SLOT_MAX))
    .action(async (slot: number | undefined, _options: unknown, command: Command) => {
      const ask = async (client: SmpClient): Promise<CliOutcome> => {
        const answer = await client.imageErase(slot);
        return answer.ok ? held({}, 'the slot is erased') : failedRequest(answer);
      };
      report(command, await withClient(command, context, ask));
    });
}

function registerSlots(image: Command, context: TargetContext): void {
  addVerb(image, {
    usage: 'slots',
    description: 'print the slots of the device and their sizes',
    example: `${EXAMPLE} slots`,
  }).action(async (_options: unknown, command: Command) => {
    const ask = async (client: SmpClient): Promise<CliOutcome> =>
      showSlots(await client.slotInfo());
    report(command, await withClient(command, context, ask));
  });
}

interface UploadFlags {
  readonly image?: number;
  readonly upgrade?: boolean;
}

function registerUpload(image: Command, context: TargetContext): void {
  addVerb(image, {
    usage: 'upload <file>',
    description: 'upload an image, from where the device already has it',
    example: `${EXAMPLE} upload app-1.1.0.bin`,
  })
    .option(
      '--image <number>',
      'which image, on devices with several',
      integerArgument(0, SLOT_MAX),
    )
    .option('--upgrade', 'ask the device to refuse what is not newer')
    .action(async (path: string, flags: UploadFlags, command: Command) => {
      const file = readFileBytes(path);
      if (!file.ok) {
        report(command, failed(EXIT.usage, file.code, file.detail));
        return;
      }
      const ask = (client: SmpClient): Promise<CliOutcome> => upload(client, file.value, flags);
      report(command, await withClient(command, context, ask));
    });
}

/** Ctrl-C stops the upload in good order: the device keeps what it has. */
async function upload(
  client: SmpClient,
  bytes: Uint8Array,
  flags: UploadFlags,
): Promise<CliOutcome> {
  const progress = createUploadProgress();
  const stop = new AbortController();
  const onInterrupt = (): void => {
    stop.abort();
  };
  process.once('SIGINT', onInterrupt);
  const uploaded = await client.imageUpload(bytes, {
    ...(flags.image === undefined ? {} : { image: flags.image }),
    upgrade: flags.upgrade === true,
    signal: stop.signal,
    onProgress: (step) => {
      progress.update(step);
    },
  });
  process.off('SIGINT', onInterrupt);
  progress.stop();
  return uploaded.ok ? showUpload(uploaded.value) : failedRequest(uploaded);
}

function showUpload({ bytes, resumedFrom, match, durationMs }: ImageUploadReport): CliOutcome {
  const seconds = durationMs / MS_PER_SECOND;
  const speed = Math.round((bytes - resumedFrom) / KIB / Math.max(seconds, 0.001));
  const from = resumedFrom > 0 ? `, resumed from ${resumedFrom}` : '';
  const checked = match === true ? '; the device found its SHA-256 right' : '';
  const text = `${bytes} bytes in ${seconds.toFixed(1)} s (${speed} KiB/s${from})${checked}`;
  return held({ bytes, resumedFrom, match: match ?? null, durationMs }, text);
}

function showImages(answer: SmpResult<readonly ImageEntry[]>): CliOutcome {
  if (!answer.ok) return failedRequest(answer);
  const header = ['image', 'slot', 'version', 'state', 'hash'];
  const rows = answer.value.map((entry) => [
    `${entry.image}`,
    `${entry.slot}`,
    printable(entry.version),
    stateWords(entry),
    entry.hash === undefined ? '-' : toHex(entry.hash),
  ]);
  const text = rows.length === 0 ? 'no slot holds an image' : formatTable([header, ...rows]);
  return held({ images: answer.value.map(imageToJson) }, text);
}

function stateWords(entry: ImageEntry): string {
  const flags = ['active', 'confirmed', 'pending', 'permanent'] as const;
  const words: string[] = flags.filter((flag) => entry[flag]);
  if (!entry.bootable) words.push('not bootable');
  return words.length === 0 ? '-' : words.join(', ');
}

function imageToJson(entry: ImageEntry): JsonValue {
  return { ...entry, hash: entry.hash === undefined ? null : toHex(entry.hash) };
}

function showSlots(answer: SmpResult<readonly SlotEntry[]>): CliOutcome {
  if (!answer.ok) return failedRequest(answer);
  const header = ['image', 'slot', 'size', 'largest image'];
  const rows = answer.value.map(({ image, slot, sizeBytes, maxImageSizeBytes }) => [
    `${image}`,
    `${slot}`,
    formatSize(sizeBytes),
    maxImageSizeBytes === undefined ? '-' : formatSize(maxImageSizeBytes),
  ]);
  const slots = answer.value.map((entry) => ({
    ...entry,
    uploadImageId: entry.uploadImageId ?? null,
    maxImageSizeBytes: entry.maxImageSizeBytes ?? null,
  }));
  return held({ slots }, formatTable([header, ...rows]));
}
