import type { CryptoProvider } from '@brickproof/bootloader-sim';
import type { BootControl } from './boot-control/boot-control.js';
import { encodeSerialFrames, SerialDeframer } from './smp/serial-framing.js';
import type { AgentClock, SystemPort } from './smp/os-group.js';
import { createSmpServer } from './smp/server.js';
import type { SmpServer } from './smp/server.js';
import type { Store } from './store/store.js';
import {
  Trial,
  TRIAL_LIMITS_DEFAULT,
  type SelfTestResult,
  type TrialLimits,
  type TrialState,
} from './update/trial.js';

/** The device under the agent. */
export interface AgentDevice {
  readonly bootControl: BootControl;
  readonly store: Store;
  readonly crypto: CryptoProvider;
  readonly clock: AgentClock;
  readonly system: SystemPort;
  /** Polled on every tick while an image is on trial. */
  selfTest(): SelfTestResult;
  connectivity(): 'up' | 'down' | 'not-needed';
  /** A line of text for the console. */
  log(text: string): void;
  /** The largest SMP message taken, header included, and how many may be in flight. */
  readonly bufferSizeBytes: number;
  readonly bufferCount: number;
}

/** The agent: answers SMP, stages uploads, and sees a new image through its trial. */
export class Agent {
  readonly server: SmpServer;
  readonly #trial: Trial;
  readonly #deframer: SerialDeframer;

  constructor(device: AgentDevice, limits: TrialLimits = TRIAL_LIMITS_DEFAULT) {
    this.server = createSmpServer(device);
    this.#deframer = new SerialDeframer({ maxMessageBytes: device.bufferSizeBytes });
    this.#trial = new Trial(
      {
        bootControl: device.bootControl,
        store: device.store,
        clock: device.clock,
        selfTest: () => device.selfTest(),
        connectivity: () => device.connectivity(),
        requestReset: () => {
          device.system.requestReset({ force: true, bootMode: 0 });
        },
        log: (text) => {
          device.log(text);
        },
      },
      limits,
    );
  }

  get trialState(): TrialState {
    return this.#trial.state;
  }

  /** Takes bytes from the serial console, and answers with the bytes to send back. */
  serialReceive(bytes: Uint8Array): readonly Uint8Array[] {
    const answers: Uint8Array[] = [];
    for (const event of this.#deframer.push(bytes)) {
      if (event.kind !== 'message') continue;
      const response = this.server.handle(event.bytes);
      if (response !== undefined) answers.push(encodeSerialFrames(response));
    }
    return answers;
  }

  /** Takes one SMP message from a datagram or MQTT link. */
  handle(request: Uint8Array): Uint8Array | undefined {
    return this.server.handle(request);
  }

  /** Moves on what takes time. Call it a few times a second, and feed the watchdog after. */
  tick(): void {
    this.#trial.tick();
  }
}
