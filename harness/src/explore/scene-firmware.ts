import {
  Agent,
  FlashBootControl,
  IMAGE_COMMAND,
  SMP_GROUP,
  decodeSmpMessage,
  encodeSmpMessage,
  openLogStore,
  verifyStaged,
  type SelfTestResult,
  type SmpBody,
  type SmpOp,
} from '@brickproof/agent';
import type { BootOutcome } from '@brickproof/bootloader-sim';
import type { SceneDevice, SessionDevice } from './scene.js';

const BUFFER_SIZE_BYTES = 4_096;
const BUFFER_COUNT = 1;
/** How long a tick takes, and how many of them a trial lasts at most. */
const TICK_MS = 1_000;
const TICKS_MAX = 4;
const TRIAL_LIMITS = { settleMs: 0, timeoutMs: 2 * TICK_MS };

/** What the firmware does when an image is on trial. */
export interface TrialConduct {
  readonly selfTest: SelfTestResult;
  /** False: only a request from outside confirms. */
  readonly confirms: boolean;
}

const CONFIRMS_ITSELF: TrialConduct = { selfTest: 'pass', confirms: true };

const SYSTEM_INFO = {
  kernelName: 'Brickproof',
  nodeName: 'explored',
  kernelRelease: '',
  kernelVersion: '',
  buildDateTime: '',
  machine: '',
  processor: '',
  hardwarePlatform: '',
  operatingSystem: '',
};

/** What a firmware needs of an agent: ours, or another one that is to be explored. */
export interface SceneAgent {
  readonly Agent: typeof Agent;
  readonly FlashBootControl: typeof FlashBootControl;
  readonly openLogStore: typeof openLogStore;
  readonly verifyStaged: typeof verifyStaged;
}

const OUR_AGENT: SceneAgent = { Agent, FlashBootControl, openLogStore, verifyStaged };

/** The agent that the firmware of a device runs. */
export function agentOf({ agent }: SceneDevice): SceneAgent {
  return agent ?? OUR_AGENT;
}

/** The firmware of a scene: the real agent, with whoever talks to it in the same breath. */
export class SceneFirmware {
  readonly #agent: Agent;
  #nowMs = 0;
  #sequence = 0;
  #asksForReset = false;

  constructor(device: SessionDevice, scene: SceneDevice, trial: TrialConduct = CONFIRMS_ITSELF) {
    const agent = agentOf(scene);
    const store = agent.openLogStore(device.area('store'));
    if (!store.ok) throw new Error(store.detail);
    const [bootControl, ...otherImages] = bootControlsOf(device, scene, agent);
    if (bootControl === undefined) throw new Error('a board without images');
    this.#agent = new agent.Agent(
      {
        bootControl,
        otherImages,
        store: store.value,
        crypto: device.crypto,
        clock: { nowMs: () => this.#nowMs },
        system: {
          info: SYSTEM_INFO,
          requestReset: () => {
            this.#asksForReset = true;
          },
        },
        selfTest: () => trial.selfTest,
        connectivity: () => 'not-needed',
        log: (text) => {
          device.log(`agent: ${text}`);
        },
        takesEncryptedImages: scene.decryptionKey !== undefined,
        bufferSizeBytes: BUFFER_SIZE_BYTES,
        bufferCount: BUFFER_COUNT,
      },
      { ...TRIAL_LIMITS, confirms: trial.confirms },
    );
  }

  /** The firmware wants the device to be reset. */
  get asksForReset(): boolean {
    return this.#asksForReset;
  }

  get isConfirmed(): boolean {
    const { trialState } = this.#agent;
    return trialState === 'confirmed' || trialState === 'idle';
  }

  /** Lets time pass until a trial is over, or a reset is asked for. */
  runTrial(): void {
    for (let tick = 0; tick < TICKS_MAX && !this.#asksForReset; tick += 1) {
      this.#agent.tick();
      this.#nowMs += TICK_MS;
    }
  }

  /** What the images of the device are said to be. */
  listImages(): readonly SmpBody[] {
    const { images } = this.#ask('read', IMAGE_COMMAND.state, {});
    return Array.isArray(images) ? images.filter(isBody) : [];
  }

  /** Asks for an image to boot next, or confirms the one that runs; false when refused. */
  setImageState(body: { readonly hash?: Uint8Array; readonly confirm: boolean }): boolean {
    const { hash, confirm } = body;
    const request = hash === undefined ? { confirm } : { hash, confirm };
    return !isRefused(this.#ask('write', IMAGE_COMMAND.state, request));
  }

  /** Sends a packet of an upload; where to go on, or undefined when it was refused. */
  upload(packet: SmpBody): number | undefined {
    const { off } = this.#ask('write', IMAGE_COMMAND.upload, packet);
    return typeof off === 'number' ? off : undefined;
  }

  /** Erases the slot that does not run. */
  eraseSlot(slot: number): boolean {
    return !isRefused(this.#ask('write', IMAGE_COMMAND.erase, { slot }));
  }

  #ask(op: SmpOp, command: number, body: SmpBody): SmpBody {
    this.#sequence = (this.#sequence + 1) & 0xff;
    const request = encodeSmpMessage({
      op,
      version: 2,
      group: SMP_GROUP.image,
      sequence: this.#sequence,
      command,
      body,
    });
    const answer = this.#agent.handle(request);
    const decoded = answer && decodeSmpMessage(answer);
    if (decoded?.ok !== true) throw new Error('the agent gave no answer');
    return decoded.value.body;
  }
}

function bootControlsOf(
  device: SessionDevice,
  scene: SceneDevice,
  agent: SceneAgent,
): readonly FlashBootControl[] {
  const { booted, layout, counters } = device;
  const all: readonly Pick<BootOutcome, 'slot'>[] = [booted, ...booted.others];
  return all.map(({ slot: activeSlot }, imageIndex) => {
    const policy = {
      keys: scene.keys,
      crypto: device.crypto,
      securityCounter: () => counters?.read(imageIndex),
      decryptionKey: scene.strategy === 'direct-xip' ? undefined : scene.decryptionKey,
    };
    return new agent.FlashBootControl({
      strategy: scene.strategy,
      layout,
      imageIndex,
      activeSlot,
      mayBoot: (staged) => agent.verifyStaged(policy, staged),
    });
  });
}

function isRefused(body: SmpBody): boolean {
  return 'err' in body || ('rc' in body && body['rc'] !== 0);
}

function isBody(value: unknown): value is SmpBody {
  return typeof value === 'object' && value !== null && !(value instanceof Uint8Array);
}
