import {
  Agent,
  FlashBootControl,
  TRIAL_LIMITS_DEFAULT,
  openLogStore,
  verifyStaged,
  type AgentDevice,
  type StoreRejectCode,
} from '@brickproof/agent';
import {
  DONE,
  accept,
  formatImageVersion,
  readBehaviourCard,
  type AgreementKey,
  type BehaviourCard,
  type BootLayout,
  type BootOutcome,
  type FlashArea,
  type ImageHeader,
  type Verdict,
} from '@brickproof/bootloader-sim';
import type { VirtualBoardOptions } from './board-options.js';
import type { VirtualClock } from './virtual-clock.js';

const BUFFER_SIZE_BYTES_DEFAULT = 4_096;
const BUFFER_COUNT_DEFAULT = 4;

const HEALTHY: BehaviourCard = {
  selfTest: 'pass',
  hangBeforeConfirm: false,
  crashAfterMs: undefined,
  resetLoop: false,
  neverConnects: false,
};

/** How the firmware in a slot behaves: healthy, unless its card or the caller says otherwise. */
export function behaviourOf(
  area: FlashArea,
  header: ImageHeader,
  override: Partial<BehaviourCard> | undefined,
): BehaviourCard {
  return { ...HEALTHY, ...readBehaviourCard(area, header), ...override };
}

/** What the firmware finds on the board it runs on. */
export interface FirmwarePorts extends Pick<AgentDevice, 'connectivity' | 'log'> {
  readonly options: VirtualBoardOptions;
  readonly store: FlashArea;
  readonly layout: BootLayout;
  readonly booted: BootOutcome;
  readonly behaviour: BehaviourCard;
  readonly clock: VirtualClock;
  readonly nodeName: string;
  /** That of an image; undefined on a board without counters. */
  readonly securityCounter: (imageIndex: number) => number | undefined;
  readonly requestReset: () => void;
}

/** Starts the agent inside a firmware. Refuses when the store cannot be opened. */
export function startAgent(ports: FirmwarePorts): Verdict<Agent, StoreRejectCode> {
  const { options, clock, behaviour } = ports;
  const store = openLogStore(ports.store);
  if (!store.ok) return store;
  const [bootControl, ...otherImages] = bootControlsOf(ports);
  if (bootControl === undefined) throw new Error('a board without images');
  const device: AgentDevice = {
    bootControl,
    otherImages,
    store: store.value,
    crypto: options.crypto,
    clock,
    system: { info: systemInfoOf(ports), requestReset: ports.requestReset },
    selfTest: () => behaviour.selfTest,
    connectivity: ports.connectivity,
    log: ports.log,
    // An agent that trusts anything leaves it to the bootloader to refuse what is encrypted.
    takesEncryptedImages: options.agentVerifies === false || decryptionKeyOf(options) !== undefined,
    bufferSizeBytes: options.bufferSizeBytes ?? BUFFER_SIZE_BYTES_DEFAULT,
    bufferCount: options.bufferCount ?? BUFFER_COUNT_DEFAULT,
  };
  return accept(new Agent(device, options.trialLimits ?? TRIAL_LIMITS_DEFAULT));
}

/** The slots of every image, the one that runs first. */
function bootControlsOf(ports: FirmwarePorts): readonly FlashBootControl[] {
  const { options, layout, booted, securityCounter, log } = ports;
  const isTrusting = options.agentVerifies === false;
  return [booted, ...booted.others].map(({ slot: activeSlot }, imageIndex) => {
    const policy = {
      keys: options.keys,
      crypto: options.crypto,
      securityCounter: () => securityCounter(imageIndex),
      decryptionKey: decryptionKeyOf(options),
    };
    return new FlashBootControl({
      strategy: options.strategy,
      layout,
      imageIndex,
      activeSlot,
      isTrusting,
      mayBoot: (staged) => {
        if (isTrusting) return DONE;
        const verified = verifyStaged(policy, staged);
        if (!verified.ok) {
          const place = imageIndex === 0 ? '' : ` of image ${imageIndex}`;
          log(`Image in slot ${staged.slot}${place} refused: ${verified.code}: ${verified.detail}`);
        }
        return verified;
      },
    });
  });
}

/** Under direct-xip images run from where they were sent to, so none of them can be encrypted. */
function decryptionKeyOf(options: VirtualBoardOptions): AgreementKey | undefined {
  return options.strategy === 'direct-xip' ? undefined : options.decryptionKey;
}

function systemInfoOf({ options, booted, nodeName }: FirmwarePorts): AgentDevice['system']['info'] {
  return {
    kernelName: 'Brickproof',
    nodeName,
    kernelRelease: formatImageVersion(booted.image.header.version),
    kernelVersion: 'virtual board',
    buildDateTime: 'unknown',
    machine: options.model.name,
    processor: 'simulated',
    hardwarePlatform: options.model.name,
    operatingSystem: 'Brickproof',
  };
}
