import type {
  AgreementKey,
  BootLayout,
  BootOutcome,
  BootSettings,
  CryptoProvider,
  FlashArea,
  FlashAreaOptions,
  FlashSnapshot,
  SecurityCounters,
  StrategyName,
  VerificationKey,
} from '@brickproof/bootloader-sim';
import type { StoreDetail } from './canonical-store.js';
import type { InvariantName } from './explore-report.js';
import type { SceneAgent } from './scene-firmware.js';

/** An image that a scene knows: everything that may ever run, and what must not. */
export interface KnownImage {
  /** In the words of a trace, such as `1.0.0`. */
  readonly name: string;
  readonly imageIndex: number;
  /** What its hash TLV says. */
  readonly hash: Uint8Array;
  /** The bytes as they lie where the image was sent to, to be told apart in a trace. */
  readonly bytes: Uint8Array;
  /** `old` ran when the scene began; `new` is to take its place; `refused` must never run. */
  readonly role: 'old' | 'new' | 'refused';
}

/** The device of a scene: what never changes. */
export interface SceneDevice {
  readonly strategy: StrategyName;
  readonly areas: readonly FlashAreaOptions[];
  readonly settings: BootSettings;
  readonly keys: readonly VerificationKey[];
  readonly crypto: CryptoProvider;
  readonly decryptionKey: AgreementKey | undefined;
  readonly hasCounters: boolean;
  /** The agent that the firmware runs, where it is not ours. */
  readonly agent?: SceneAgent | undefined;
}

/** What firmware finds while it runs in a scene. */
export interface SessionDevice {
  readonly layout: BootLayout;
  readonly booted: BootOutcome;
  readonly counters: SecurityCounters | undefined;
  readonly crypto: CryptoProvider;
  /** Which known image runs, of each image of the board. */
  readonly running: readonly KnownImage[];
  area(name: string): FlashArea;
  /** How far the scene is for those outside of the device, who never lose power. */
  position: number;
  /** A line for whoever reads the trace. */
  log(text: string): void;
  /** Something that must hold does not. */
  violate(invariant: InvariantName, detail: string): void;
}

/** How a session ends: the device resets itself, or it stays up. */
export type SessionEnd = 'reset' | 'stays-up';

/** One thing that the firmware which runs may do. */
export interface Session {
  /** In the words of a trace: `confirms`, `hangs`. */
  readonly name: string;
  readonly run: (device: SessionDevice) => SessionEnd;
}

/** What runs, for a scene to say what may come of it. */
export interface Situation {
  readonly position: number;
  /** Which known image runs, of each image of the board. */
  readonly running: readonly KnownImage[];
  /** Whether each of them would still run at the next boot. */
  readonly confirmed: readonly boolean[];
  readonly slot: number;
}

/** What a situation breaks, in a sentence. */
export interface BrokenRule {
  readonly invariant: InvariantName;
  readonly detail: string;
}

/** A device at one moment, and what may happen from then on. */
export interface Scene {
  readonly name: string;
  /** One line for people. */
  readonly summary: string;
  readonly device: SceneDevice;
  readonly start: FlashSnapshot;
  readonly counters: readonly number[];
  readonly position: number;
  readonly images: readonly KnownImage[];
  /** How much of the store tells states apart. */
  readonly storeDetail: StoreDetail;
  /** What holds in this scene beside what holds in all of them. */
  readonly judge: (situation: Situation) => BrokenRule | undefined;
  /** What the firmware may do: every one of these is followed. At least one. */
  readonly sessions: (situation: Situation) => readonly Session[];
  /**
   * Where the scene stands when the power comes back; `willStay` says whether the image that is
   * there would stay. Absent: where it stood.
   */
  readonly positionAtReset?: (position: number, willStay: () => boolean) => number;
  /** Whether the scene has come to its end; without a power cut it has to. */
  readonly hasArrived: (situation: Situation) => boolean;
  /** Whether a device may stay as it is in this situation. */
  readonly isSettled: (situation: Situation) => boolean;
}
