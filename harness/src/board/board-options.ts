import type {
  MqttPort,
  MqttPublication,
  MqttTopics,
  TrialLimits,
  TrialState,
} from '@brickproof/agent';
import type {
  AgreementKey,
  BehaviourCard,
  CryptoProvider,
  FaultStrike,
  FlashSnapshot,
  StrategyName,
  VerificationKey,
} from '@brickproof/bootloader-sim';
import type { DeviceModel } from './device-model.js';
import type { BoardBootSettings } from './provision.js';

/** What a virtual board is made of. */
export interface VirtualBoardOptions {
  readonly model: DeviceModel;
  readonly strategy: StrategyName;
  /** What the bootloader was built for; MCUboot's defaults unless told. */
  readonly bootSettings?: BoardBootSettings;
  /** Whom bootloader and agent trust. */
  readonly keys: readonly VerificationKey[];
  readonly crypto: CryptoProvider;
  /** What encrypted images are decrypted with; absent on a board that takes none. */
  readonly decryptionKey?: AgreementKey;
  /** The flash to start from; see `provisionFlash`. Boards may share it. */
  readonly flash: FlashSnapshot;
  /** Also the identity: equal options with equal seeds tell equal stories. */
  readonly seed: number;
  /**
   * What the security counters start at: all of them, or each image's own; 0 unless told, or `none`
   * on a board without counters.
   */
  readonly securityCounter?: number | 'none' | readonly number[];
  /** Overrides what the firmware says of its own behaviour. */
  readonly behaviour?: Partial<BehaviourCard>;
  readonly trialLimits?: TrialLimits;
  /** False lets any image be marked, so that the bootloader alone has to refuse it. */
  readonly agentVerifies?: boolean;
  readonly bufferSizeBytes?: number;
  readonly bufferCount?: number;
}

/** Why the processor last started. */
export type ResetCause = 'power-on' | 'software' | 'watchdog' | 'fault' | 'pin';

/** Whether the board runs. `stuck`: powered, but the bootloader found nothing to start. */
export type BoardPower = 'off' | 'starting' | 'running' | 'stuck';

/** What can be seen of a board from outside of its protocols. */
export interface BoardState {
  readonly power: BoardPower;
  readonly resetCause: ResetCause;
  readonly bootCount: number;
  /** The slot that runs, or undefined when none does. */
  readonly activeSlot: number | undefined;
  readonly version: string | undefined;
  /** The versions of images 1 and up that were started with it. */
  readonly otherVersions: readonly string[];
  readonly trial: TrialState | undefined;
  /** That of the first image. */
  readonly securityCounter: number;
  /** The firmware's connection to its broker; `none` where there is no broker or no firmware. */
  readonly network: 'none' | 'down' | 'up';
}

/** Told what happens on a board. */
export interface BoardListener {
  /** Bytes leave the UART: console text and SMP frames, as on a real one. */
  uart?(bytes: Uint8Array): void;
  /** A fault of the flash is about to strike. */
  fault?(strike: FaultStrike): void;
}

/** The board's way to a broker. The firmware uses it while it runs. */
export interface BoardNetwork extends MqttPort {
  readonly topics: MqttTopics;
  /** The firmware started: connect, and leave this last will. */
  start(lastWill: MqttPublication): void;
  /** The firmware is gone, without a word to the broker. */
  stop(): void;
}
