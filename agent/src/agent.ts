import type { CryptoProvider } from '@brickproof/bootloader-sim';
import type { BootControl } from './boot-control/boot-control.js';
import type { AgentClock, SystemPort } from './smp/os-group.js';
import { createSmpServer } from './smp/server.js';
import type { SmpServer } from './smp/server.js';
import type { Store } from './store/store.js';
import { DatagramLink } from './transport/datagram-link.js';
import { MqttLink } from './transport/mqtt-link.js';
import type { MqttLinkOptions, MqttPort } from './transport/mqtt-link.js';
import type { MqttTopics } from './transport/mqtt-topics.js';
import { SerialLink } from './transport/serial-link.js';
import {
  Trial,
  TRIAL_LIMITS_DEFAULT,
  type SelfTestResult,
  type TrialLimits,
  type TrialState,
} from './update/trial.js';

/** The device under the agent. */
export interface AgentDevice {
  /** The slots of the image that runs. */
  readonly bootControl: BootControl;
  /** Those of images 1 and up, on a device with several. */
  readonly otherImages?: readonly BootControl[];
  readonly store: Store;
  readonly crypto: CryptoProvider;
  readonly clock: AgentClock;
  readonly system: SystemPort;
  /** Polled on every tick while an image is on trial. */
  selfTest(): SelfTestResult;
  connectivity(): 'up' | 'down' | 'not-needed';
  /** A line of text for the console. */
  log(text: string): void;
  /** Whether uploads may be encrypted: the device has a key for them. Absent: they may not. */
  readonly takesEncryptedImages?: boolean;
  /** The largest SMP message taken, header included, and how many may be in flight. */
  readonly bufferSizeBytes: number;
  readonly bufferCount: number;
}

/** The agent: answers SMP, stages uploads, and sees a new image through its trial. */
export class Agent {
  readonly server: SmpServer;
  readonly #device: AgentDevice;
  readonly #trial: Trial;
  readonly #serial: SerialLink;

  constructor(device: AgentDevice, limits: TrialLimits = TRIAL_LIMITS_DEFAULT) {
    this.#device = device;
    this.server = createSmpServer(device);
    this.#serial = new SerialLink({
      handle: (request) => this.server.handle(request),
      maxMessageBytes: device.bufferSizeBytes,
    });
    this.#trial = new Trial(
      {
        images: [device.bootControl, ...(device.otherImages ?? [])],
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
    return this.#serial.receive(bytes).answers;
  }

  /** Answers SMP over a broker, next to the console. One link for each connection. */
  mqttLink(
    topics: MqttTopics,
    port: MqttPort,
    requests: Pick<MqttLinkOptions, 'handle' | 'maxMessageBytes'> = {
      handle: (request) => this.server.handle(request),
      maxMessageBytes: this.#device.bufferSizeBytes,
    },
  ): MqttLink {
    const { store, crypto, system } = this.#device;
    const version = system.info.kernelRelease;
    return new MqttLink({ topics, port, store, crypto, version, ...requests });
  }

  /** Answers SMP in datagrams, next to the console. */
  datagramLink(): DatagramLink {
    const { store, crypto, clock, bufferSizeBytes } = this.#device;
    return new DatagramLink({
      store,
      crypto,
      clock,
      handle: (request) => this.server.handle(request),
      maxMessageBytes: bufferSizeBytes,
    });
  }

  /** Takes one SMP message from a link that carries each of them whole, and once. */
  handle(request: Uint8Array): Uint8Array | undefined {
    return this.server.handle(request);
  }

  /** Moves on what takes time. Call it a few times a second, and feed the watchdog after. */
  tick(): void {
    this.#trial.tick();
  }
}
