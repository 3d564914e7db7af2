import {
  Agent,
  FlashBootControl,
  IMAGE_COMMAND,
  OS_COMMAND,
  SMP_GROUP,
  decodeSmpMessage,
  encodeSmpMessage,
  openLogStore,
  verifyStaged,
} from '@brickproof/agent';
import type { SelfTestResult, SmpBody, SmpValue, TrialState } from '@brickproof/agent';
import { createHostCrypto } from '@brickproof/agent/node';
import {
  DONE,
  NorFlash,
  OtpCounters,
  areaFrom,
  boot,
  buildImage,
  createFlashGeometry,
  createFlashMap,
  createNobleSigningKey,
  formatImageVersion,
  imageSourceFromBytes,
  markForDirectXip,
  parseImageVersion,
  readImageSummary,
  uploadOffset,
} from '@brickproof/bootloader-sim';
import type {
  BootLayout,
  BootOutcome,
  BootSettings,
  FlashMap,
  ImageDependency,
  SigningKey,
  SlotPair,
  StrategyName,
  Verdict,
} from '@brickproof/bootloader-sim';

/** The strategies that swap. */
export const SWAP_STRATEGIES = [
  'swap-using-offset',
  'swap-using-move',
  'swap-using-scratch',
] as const satisfies readonly StrategyName[];

export const crypto = createHostCrypto();

export const SECTOR_BYTES = 1024;
const SLOT_SECTORS = 10;
const SCRATCH_SECTORS = 2;
const STORE_SECTORS = 2;
const PACKET_BYTES = 500;
const PACKETS_MAX = 200;

function must<T>(verdict: Verdict<T, string>): T {
  if (!verdict.ok) throw new Error(`${verdict.code}: ${verdict.detail}`);
  return verdict.value;
}

function signingKey(fill: number): SigningKey {
  const bytes = new Uint8Array(32).fill(fill);
  return must(createNobleSigningKey({ algorithm: 'ed25519', bytes }));
}

export const KEY = signingKey(3);
export const STRANGER = signingKey(4);

export interface SignedImage {
  readonly bytes: Uint8Array;
  readonly hash: Uint8Array;
  readonly sha: Uint8Array;
}

/** A small signed image; images with different marks differ in their bodies. */
export function signedImage(
  versionText: string,
  options: {
    readonly mark?: number;
    readonly payloadBytes?: number;
    readonly securityCounter?: number;
    readonly key?: SigningKey;
    readonly needs?: readonly (readonly [imageIndex: number, version: string])[];
  } = {},
): SignedImage {
  const { mark = 0, payloadBytes = 2500, securityCounter = 1, key = KEY, needs = [] } = options;
  const dependencies = needs.map(([imageIndex, version]): ImageDependency => {
    return { imageIndex, minimumVersion: must(parseImageVersion(version)) };
  });
  const version = must(parseImageVersion(versionText));
  const payload = Uint8Array.from({ length: payloadBytes }, (_, at) => (at * 7 + mark * 3) & 0xff);
  const bytes = must(
    buildImage(
      { payload, version, headerSizeBytes: 32, securityCounter, signingKey: key, dependencies },
      crypto,
    ),
  );
  const summary = must(readImageSummary(imageSourceFromBytes(bytes)));
  const hasher = crypto.sha256();
  hasher.update(bytes);
  return { bytes, hash: summary.hash, sha: hasher.digest() };
}

export interface SwapDeviceOptions {
  readonly strategy: StrategyName;
  readonly settings?: BootSettings;
  /** What each image leaves the factory with. */
  readonly images: readonly SignedImage[];
  readonly isTrusting?: boolean;
  /** Another device's flash, to go on with. */
  readonly flash?: NorFlash;
}

/** A device from the bootloader up to its SMP server, small enough to be started often. */
export class SwapDevice {
  readonly flash: NorFlash;
  readonly layout: BootLayout;
  readonly counters: OtpCounters;
  readonly log: string[] = [];
  readonly strategy: StrategyName;
  /** What the self-test says: it goes on until told otherwise. */
  selfTest: SelfTestResult = 'running';
  isResetAsked = false;
  booted: BootOutcome | undefined;
  readonly #options: SwapDeviceOptions;
  readonly #map: FlashMap;
  #agent: Agent | undefined;
  #nowMs = 0;

  constructor(options: SwapDeviceOptions) {
    this.#options = options;
    this.strategy = options.strategy;
    const slotBytes = SLOT_SECTORS * SECTOR_BYTES;
    const slotCount = 2 * options.images.length;
    const sectorCount = slotCount * SLOT_SECTORS + SCRATCH_SECTORS + STORE_SECTORS;
    const geometry = must(
      createFlashGeometry({
        sectorRuns: [{ count: sectorCount, sizeBytes: SECTOR_BYTES }],
        writeAlignBytes: 4,
        erasedValue: 0xff,
      }),
    );
    this.flash = options.flash ?? new NorFlash(geometry);
    const slots = Array.from({ length: slotCount }, (_, index) => {
      return { name: `slot${index}`, offset: index * slotBytes, sizeBytes: slotBytes };
    });
    const end = slotCount * slotBytes;
    const scratchBytes = SCRATCH_SECTORS * SECTOR_BYTES;
    this.#map = must(
      createFlashMap(this.flash, [
        ...slots,
        { name: 'scratch', offset: end, sizeBytes: scratchBytes },
        {
          name: 'store',
          offset: end + scratchBytes,
          sizeBytes: STORE_SECTORS * SECTOR_BYTES,
        },
      ]),
    );
    this.layout = {
      ...options.settings,
      images: options.images.map((_, index): SlotPair => {
        return [this.#map.area(`slot${2 * index}`), this.#map.area(`slot${2 * index + 1}`)];
      }),
      scratch: this.#map.area('scratch'),
    };
    this.counters = new OtpCounters(options.images.map(() => 0));
    if (options.flash === undefined) this.#provision();
    this.reset();
  }

  #provision(): void {
    for (const [index, { bytes }] of this.#options.images.entries()) {
      const slot = this.#map.area(`slot${2 * index}`);
      must(slot.write(0, padded(bytes)));
      must(markForDirectXip(slot, { confirm: true }));
    }
  }

  get trialState(): TrialState | undefined {
    return this.#agent?.trialState;
  }

  /** The versions that run, image by image; `stuck` when nothing does. */
  get running(): string {
    const { booted } = this;
    if (booted === undefined) return 'stuck';
    return [booted, ...booted.others]
      .map(({ image }) => formatImageVersion(image.header.version).replace('+0', ''))
      .join(' ');
  }

  /** Boots; throws a power cut when the flash is told to make one. */
  reset(): this {
    this.#agent = undefined;
    this.booted = undefined;
    this.isResetAsked = false;
    this.log.length = 0;
    const booted = boot(this.strategy, {
      ...this.layout,
      keys: [KEY.verificationKey],
      crypto,
      counters: this.counters,
      log: (_, text) => this.log.push(text),
    });
    if (!booted.ok) return this;
    this.booted = booted.value;
    this.#agent = this.#startAgent(booted.value);
    return this;
  }

  /** Lets the trial come to its end. */
  settle(): this {
    for (let turn = 0; turn < 4; turn += 1) {
      this.#nowMs += 10_000;
      this.#agent?.tick();
    }
    return this;
  }

  get bootControls(): readonly FlashBootControl[] {
    const { booted } = this;
    if (booted === undefined) return [];
    return [booted, ...booted.others].map(({ slot }, imageIndex) => {
      return new FlashBootControl({
        strategy: this.strategy,
        layout: this.layout,
        imageIndex,
        activeSlot: slot,
        isTrusting: this.#options.isTrusting === true,
        mayBoot: (staged) => {
          if (this.#options.isTrusting === true) return DONE;
          const policy = {
            keys: [KEY.verificationKey],
            crypto,
            securityCounter: () => this.counters.read(imageIndex),
          };
          return verifyStaged(policy, staged);
        },
      });
    });
  }

  #startAgent(booted: BootOutcome): Agent {
    const [bootControl, ...otherImages] = this.bootControls;
    if (bootControl === undefined) throw new Error('nothing runs');
    const release = formatImageVersion(booted.image.header.version);
    return new Agent({
      bootControl,
      otherImages,
      store: must(openLogStore(this.#map.area('store'))),
      crypto,
      clock: { nowMs: () => this.#nowMs },
      system: {
        info: {
          kernelName: 'Brickproof',
          nodeName: 'node',
          kernelRelease: release,
          kernelVersion: 'test',
          buildDateTime: 'today',
          machine: 'sim',
          processor: 'none',
          hardwarePlatform: 'board',
          operatingSystem: 'Brickproof',
        },
        requestReset: () => {
          this.isResetAsked = true;
        },
      },
      selfTest: () => this.selfTest,
      connectivity: () => 'not-needed',
      log: (text) => this.log.push(text),
      bufferSizeBytes: 2048,
      bufferCount: 4,
    });
  }

  ask(
    op: 'read' | 'write',
    [group, command]: readonly [number, number],
    body: SmpBody = {},
  ): SmpBody {
    const request = encodeSmpMessage({ version: 2, op, group, command, sequence: 1, body });
    const response = this.#agent?.handle(request);
    if (response === undefined) throw new Error('no answer');
    return must(decodeSmpMessage(response)).body;
  }

  /** Uploads from where the device is, up to `stopAfter` bytes; the last answer. */
  upload(
    image: SignedImage,
    options: {
      readonly to?: number;
      readonly stopAfter?: number;
      readonly upgrade?: boolean;
      readonly packetBytes?: number;
    } = {},
  ): SmpBody {
    const { to, stopAfter = image.bytes.byteLength, packetBytes = PACKET_BYTES } = options;
    let off = 0;
    for (let packets = 0; packets < PACKETS_MAX; packets += 1) {
      const first = {
        len: image.bytes.byteLength,
        sha: image.sha,
        ...(to === undefined ? {} : { image: to }),
        ...(options.upgrade === undefined ? {} : { upgrade: options.upgrade }),
      };
      const data = image.bytes.subarray(off, Math.min(off + packetBytes, image.bytes.byteLength));
      const answer = this.ask('write', UPLOAD, { off, data, ...(off === 0 ? first : {}) });
      if (typeof answer['off'] !== 'number') return answer;
      off = answer['off'];
      if (off >= stopAfter) return answer;
    }
    throw new Error('the upload does not end');
  }

  test({ hash }: SignedImage): SmpBody {
    return this.ask('write', STATE, { hash });
  }

  confirm(image?: SignedImage): SmpBody {
    const hash = image === undefined ? {} : { hash: image.hash };
    return this.ask('write', STATE, { ...hash, confirm: true });
  }

  /** The state as the image group lists it, one line for each image: `0: 1.0.0 active confirmed`. */
  list(answer: SmpBody = this.ask('read', STATE)): readonly string[] {
    const { images } = answer;
    if (!Array.isArray(images)) throw new Error(`no images: ${JSON.stringify(answer)}`);
    return images.map((entry) => describeEntry(entry as SmpBody));
  }

  /** A whole slot. */
  slotBytes(slot: number): Uint8Array {
    const area = this.#map.area(`slot${slot}`);
    return area.read(0, area.sizeBytes).slice();
  }

  /** Puts an image into a secondary slot behind the agent's back, where the bootloader wants it. */
  program(image: SignedImage, imageIndex = 0): void {
    const slots = this.layout.images[imageIndex];
    const area = this.#map.area(`slot${2 * imageIndex + 1}`);
    must(area.erase(0, area.sizeBytes));
    must(areaFrom(area, uploadOffset(this.strategy, slots)).write(0, padded(image.bytes)));
  }

  /** The same flash and counters in a device that starts anew. */
  copy(): SwapDevice {
    const flash = new NorFlash(this.flash.snapshot());
    const copy = new SwapDevice({ ...this.#options, flash });
    copy.counters.restore(this.counters.snapshot());
    return copy;
  }
}

export const STATE = [SMP_GROUP.image, IMAGE_COMMAND.state] as const;
export const UPLOAD = [SMP_GROUP.image, IMAGE_COMMAND.upload] as const;
export const ERASE = [SMP_GROUP.image, IMAGE_COMMAND.erase] as const;
export const SLOT_INFO = [SMP_GROUP.image, IMAGE_COMMAND.slotInfo] as const;
export const BOOTLOADER = [SMP_GROUP.os, OS_COMMAND.bootloaderInfo] as const;

const FLAGS = ['active', 'confirmed', 'pending', 'permanent'] as const;

function describeEntry(entry: SmpBody): string {
  const { image, slot, version } = entry;
  const place = image === undefined ? text(slot) : `${text(image)}.${text(slot)}`;
  const flags = FLAGS.filter((flag) => entry[flag] === true);
  return [`${place}: ${text(version)}`, ...flags].join(' ');
}

function text(value: SmpValue | undefined): string {
  return typeof value === 'string' || typeof value === 'number' ? `${value}` : '?';
}

function padded(bytes: Uint8Array): Uint8Array {
  const result = new Uint8Array(Math.ceil(bytes.byteLength / 4) * 4).fill(0xff);
  result.set(bytes);
  return result;
}
