import type { DocumentPath } from '@brickproof/agent/node';
import type { PhasedDocument, PhasedFaultDocument } from '../fault/fault-schema.js';
import type { ConditionsDocument } from './condition-schema.js';

/** A power cut in an operation of the flash. */
export interface OperationCut {
  readonly kind: 'operation';
  readonly cut: PhasedDocument;
}

/** A power cut when so much board time has passed. */
export interface TimedCut {
  readonly kind: 'time';
  readonly afterMs: number;
}

/** A power cut that waits to happen. */
export type PlannedCut = OperationCut | TimedCut;

/** An upload with everything that is to be different about it. */
export interface UploadStep {
  readonly kind: 'upload';
  readonly image: string;
  /** The number of the image that it is to become; undefined where the device is to choose. */
  readonly to: number | undefined;
  readonly truncateBytes: number | undefined;
  readonly tamperAt: number | undefined;
  readonly stopAfterBytes: number | undefined;
  readonly upgradeOnly: boolean;
  /** True: from somewhere; false: from the start; a number: from there. */
  readonly resumes: boolean | number | undefined;
  readonly refused: readonly string[] | undefined;
}

/** A request to mark an image. */
export interface MarkStep {
  readonly kind: 'test' | 'confirm';
  /** `uploaded`, `running`, or an image. */
  readonly image: string;
  readonly refused: readonly string[] | undefined;
}

/** What a step does. */
export type StepAction =
  | { readonly kind: 'start'; readonly image: string }
  | { readonly kind: 'power'; readonly to: 'on' | 'off' }
  | { readonly kind: 'cut'; readonly cut: PlannedCut }
  | { readonly kind: 'fault'; readonly fault: 'off' | PhasedFaultDocument }
  | { readonly kind: 'link'; readonly to: 'up' | 'down' }
  | UploadStep
  | MarkStep
  | {
      readonly kind: 'erase';
      readonly slot: number | undefined;
      readonly refused: readonly string[] | undefined;
    }
  | {
      readonly kind: 'reset';
      readonly how: 'software' | 'pin';
      readonly refused: readonly string[] | undefined;
    }
  | { readonly kind: 'wait'; readonly durationMs: number }
  | {
      readonly kind: 'wait-until';
      readonly conditions: ConditionsDocument;
      readonly withinMs: number;
    }
  | { readonly kind: 'expect'; readonly conditions: ConditionsDocument }
  | { readonly kind: 'note'; readonly text: string };

/** One step of a scenario, and where it is written. */
export interface Step {
  readonly action: StepAction;
  readonly path: DocumentPath;
}

/** The word for images that are not named: what was uploaded last. */
export const UPLOADED_IMAGE = 'uploaded';
/** The word for images that are not named: what runs. */
export const RUNNING_IMAGE = 'running';
