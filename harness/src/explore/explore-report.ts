/** What must hold in every state that a device can be left in. */
export type InvariantName =
  | 'runs-verified-image'
  | 'counter-never-lower'
  | 'boots-something'
  | 'arrives'
  | 'runs-unasked'
  | 'tried-first'
  | 'tried-once'
  | 'confirmed-stays'
  | 'store-keeps'
  | 'settles'
  | 'no-stray-error';

/** One invariant, and how often it was found broken. */
export interface InvariantCount {
  readonly name: InvariantName;
  readonly violations: number;
}

/** One flash operation of a trace, or a security counter that is raised. */
export interface TraceOperation {
  /** Counts the operations of its boot from 0. */
  readonly index: number;
  readonly kind: 'write' | 'erase' | 'raise-counter';
  /** The area, and the offset in it; the image's number for a counter. */
  readonly area: string;
  readonly offset: number;
  readonly lengthBytes: number;
  /** In the bootloader's words where they are known: `magic of the trailer`, `status entry 12`. */
  readonly what: string;
}

/** How a slot looks at one moment of a trace. */
export interface TraceSlot {
  readonly name: string;
  /** One for each sector of the area, in order. */
  readonly sectors: readonly TraceSector[];
  /** What its trailer says. */
  readonly trailer: {
    readonly magic: 'good' | 'unset' | 'bad';
    readonly swapType: string;
    readonly copyDone: 'set' | 'unset' | 'bad';
    readonly imageOk: 'set' | 'unset' | 'bad';
    /** How many status entries are written; undefined where the strategy keeps none. */
    readonly statusEntries: number | undefined;
  };
}

/** What a sector holds: which sector of which image, nothing, or a mixture. */
export interface TraceSector {
  readonly kind: 'image' | 'erased' | 'torn' | 'other';
  /** The image's name, such as `1.0.0`, for `image` and for `torn` where it is known. */
  readonly image: string | undefined;
  /** Which sector of the image it is, counted from 0. */
  readonly imageSector: number | undefined;
  /** It holds a part of the trailer. */
  readonly hasTrailer: boolean;
}

/** From one reset to the cut, or to the reset that the device made itself. */
export interface TraceBoot {
  /** Counts from 1. */
  readonly number: number;
  /** The bootloader's log, and what the firmware then did. */
  readonly log: readonly string[];
  /** What was read first where the last cut was: `slot0+0x1f0f0: 77 c2 95 f3 ...`. */
  readonly readAtLastCut: string | undefined;
  /** The image that ran; undefined when the power went before, or when nothing could run. */
  readonly ran: string | undefined;
  /** What the new firmware chose to do, where it was free to: `confirms`, `hangs`. */
  readonly choice: string | undefined;
  /** How many operations it did before it ended. */
  readonly operationCount: number;
  /** The last few of them, the one that was cut at the end. */
  readonly lastOperations: readonly TraceOperation[];
  /** `power-cut`, with the operation that was cut; or a reset, with why. */
  readonly ended: 'power-cut' | 'reset' | 'violation';
  /** What was left of the operation that was cut, in words: `3 of 128 words written`. */
  readonly tear: string | undefined;
  /** The slots when it ended. */
  readonly slots: readonly TraceSlot[];
}

/** The shortest way to a broken invariant. */
export interface Counterexample {
  readonly invariant: InvariantName;
  /** What was found, in a sentence. */
  readonly detail: string;
  readonly cuts: number;
  /** What `brickproof explore --replay` takes. */
  readonly replayId: string;
  /** The slots before the first boot. */
  readonly start: readonly TraceSlot[];
  readonly boots: readonly TraceBoot[];
}

/** What was explored, in words that its flags take. */
export interface ExploreSettings {
  readonly scene: string;
  readonly strategy: string;
  readonly slotSizeBytes: number;
  readonly sectorSizeBytes: number;
  readonly writeAlignBytes: number;
  readonly erasedValue: number;
  readonly imageSizeBytes: number;
  readonly cutsMax: number | 'any';
  readonly tears: readonly string[];
}

/** What an exploration found. */
export interface ExploreReport {
  readonly settings: ExploreSettings;
  /** Nothing is left to try: every state was reached that any number of cuts can lead to. */
  readonly drained: boolean;
  /** Why it did not drain; undefined when it did. */
  readonly stoppedBy: string | undefined;
  readonly states: number;
  readonly edges: number;
  /** Edges that led to a state that was there already. */
  readonly merged: number;
  /** With how many cuts the last new state was reached. */
  readonly deepestNewCut: number;
  /** Boots that were run, and boots that were known to be like one that was. */
  readonly boots: number;
  readonly sharedBoots: number;
  /** The most boots without a cut that any state took to settle. */
  readonly bootsToSettle: number;
  readonly seconds: number;
  readonly peakMemoryBytes: number;
  readonly invariants: readonly InvariantCount[];
  readonly counterexample: Counterexample | undefined;
}
