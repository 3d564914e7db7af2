import { parseDuration, parseSize, type DocumentPath } from '@brickproof/agent/node';
import type { CutDocument } from '../fault/fault-schema.js';
import { RUNNING_IMAGE, UPLOADED_IMAGE } from './step.js';
import type { MarkStep, PlannedCut, Step, StepAction, UploadStep } from './step.js';
import type { ImageRequestDocument, StepDocument, UploadDocument } from './step-schema.js';
import type { WaitUntilDocument } from './condition-schema.js';
import type { OneOrSeveral } from './schema-words.js';

const WITHIN_MS_DEFAULT = 60_000;
/** A step that its schema has accepted, ready to be done. */
export function readStep(document: StepDocument, path: DocumentPath): Step {
  return { action: readAction(document), path };
}

/** Milliseconds of a duration that its schema has accepted. */
export function readDurationMs(text: string): number {
  const parsed = parseDuration(text);
  if (!parsed.ok) throw new RangeError(parsed.detail);
  return parsed.value;
}

/** Bytes of a size that its schema has accepted. */
export function readSizeBytes(size: number | string): number {
  const parsed = parseSize(`${size}`);
  if (!parsed.ok) throw new RangeError(parsed.detail);
  return parsed.value;
}

/** What may be one or several, as a list. */
export function toList<T>(value: OneOrSeveral<T>): readonly T[] {
  return isList(value) ? value : [value];
}

function isList<T>(value: OneOrSeveral<T>): value is readonly T[] {
  return Array.isArray(value);
}

function readAction(step: StepDocument): StepAction {
  const { start, power, fault, link, upload, test, confirm } = step;
  if (start !== undefined) return { kind: 'start', image: start };
  if (power !== undefined) {
    return typeof power === 'string'
      ? { kind: 'power', to: power }
      : { kind: 'cut', cut: readCut(power.cut) };
  }
  if (fault !== undefined) return { kind: 'fault', fault };
  if (link !== undefined) return { kind: 'link', to: link };
  if (upload !== undefined) {
    return readUpload(typeof upload === 'string' ? { image: upload } : upload);
  }
  if (test !== undefined) return readMark('test', test);
  if (confirm !== undefined) return readMark('confirm', confirm);
  return readOtherAction(step);
}

function readOtherAction(step: StepDocument): StepAction {
  const { erase, reset, wait, expect, note } = step;
  if (erase !== undefined) {
    const document = erase === 'other' ? {} : erase;
    return { kind: 'erase', slot: document.slot, refused: readRefused(document.refused) };
  }
  if (reset !== undefined) {
    return typeof reset === 'string'
      ? { kind: 'reset', how: reset, refused: undefined }
      : { kind: 'reset', how: 'software', refused: readRefused(reset.refused) };
  }
  if (wait !== undefined) return { kind: 'wait', durationMs: readDurationMs(wait) };
  if (step['wait-until'] !== undefined) return readWaitUntil(step['wait-until']);
  if (expect !== undefined) return { kind: 'expect', conditions: expect };
  return { kind: 'note', text: note ?? '' };
}

function readWaitUntil({ within, ...conditions }: WaitUntilDocument): StepAction {
  const withinMs = within === undefined ? WITHIN_MS_DEFAULT : readDurationMs(within);
  return { kind: 'wait-until', conditions, withinMs };
}

function readCut(cut: CutDocument): PlannedCut {
  if (cut.after !== undefined) return { kind: 'time', afterMs: readDurationMs(cut.after) };
  return { kind: 'operation', cut };
}

function readUpload(upload: UploadDocument): UploadStep {
  const { resumes } = upload;
  return {
    kind: 'upload',
    image: upload.image,
    to: upload.to,
    truncateBytes: optionalSize(upload.truncate),
    tamperAt: optionalSize(upload['tamper-at']),
    stopAfterBytes: optionalSize(upload['stop-after']),
    upgradeOnly: upload['upgrade-only'] === true,
    resumes: typeof resumes === 'boolean' ? resumes : optionalSize(resumes),
    refused: readRefused(upload.refused),
  };
}

function readMark(kind: MarkStep['kind'], mark: string | ImageRequestDocument): MarkStep {
  const document = typeof mark === 'string' ? { image: mark } : mark;
  return {
    kind,
    image: document.image ?? (kind === 'test' ? UPLOADED_IMAGE : RUNNING_IMAGE),
    refused: readRefused(document.refused),
  };
}

function readRefused(refused: OneOrSeveral<string> | undefined): readonly string[] | undefined {
  return refused === undefined ? undefined : toList(refused);
}

function optionalSize(size: number | string | undefined): number | undefined {
  return size === undefined ? undefined : readSizeBytes(size);
}
