import type { SmpClient } from '../client/smp-client.js';
import type { UploadStep } from './step.js';
import type { TalkResult } from './scenario-device.js';

/** What an upload came to, in the words of its step. */
export interface UploadOutcome {
  readonly result: TalkResult<unknown>;
  /** Where the device went on from, as far as it said. */
  readonly resumedFrom: number | undefined;
  readonly sentBytes: number;
}

/** The bytes that are uploaded: those of the image, changed as the step says. */
export function alterImage(bytes: Uint8Array, step: UploadStep): Uint8Array {
  const altered = bytes.slice(0, step.truncateBytes ?? bytes.byteLength);
  const { tamperAt } = step;
  const byte = tamperAt === undefined ? undefined : altered[tamperAt];
  if (tamperAt !== undefined && byte !== undefined) altered[tamperAt] = byte ^ 0xff;
  return altered;
}

/** Uploads, and stops where the step says. */
export async function uploadStepImage(
  talk: (
    ask: (client: SmpClient) => ReturnType<SmpClient['imageUpload']>,
  ) => Promise<TalkResult<{ readonly resumedFrom: number }>>,
  { bytes, step }: { readonly bytes: Uint8Array; readonly step: UploadStep },
): Promise<UploadOutcome> {
  const stop = new AbortController();
  let resumedFrom: number | undefined;
  let sentBytes = 0;
  const result = await talk((client) =>
    client.imageUpload(bytes, {
      ...(step.to === undefined ? {} : { image: step.to }),
      upgrade: step.upgradeOnly,
      signal: stop.signal,
      onProgress: (progress) => {
        resumedFrom ??= progress.resumedFrom;
        sentBytes = progress.sentBytes;
        if (step.stopAfterBytes !== undefined && sentBytes >= step.stopAfterBytes) stop.abort();
      },
    }),
  );
  return { result, resumedFrom: result.ok ? result.value.resumedFrom : resumedFrom, sentBytes };
}
