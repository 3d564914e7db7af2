import * as nodeCrypto from 'node:crypto';
import {
  Agent,
  FlashBootControl,
  IMAGE_COMMAND,
  OS_COMMAND,
  SMP_GROUP,
  STORE_KEY,
  decodeSmpMessage,
  encodeSmpMessage,
  verifyStaged,
} from '@brickproof/agent';
import type { SmpBody, StagedImage } from '@brickproof/agent';
import { openDiskStore, openSlotFiles } from '@brickproof/agent/node';
import type { DiskStore, ProcessTable, SlotFiles } from '@brickproof/agent/node';
import {
  boot,
  buildImage,
  createNobleSigningKey,
  createNodeCrypto,
  markForDirectXip,
  nobleCrypto,
  parseImageVersion,
  type StrategyName,
  type Verdict,
} from '@brickproof/bootloader-sim';
import { VolatileFileSystem } from './volatile-file-system.js';

export const STORE_FOLDER = '/data/store';
export const SLOT_PATHS = ['/data/slot0', '/data/slot1'] as const;
const FOLDERS: readonly string[] = ['/data', STORE_FOLDER];

export const SECTOR_BYTES = 1024;
export const SLOT_BYTES: number = 3 * SECTOR_BYTES;
export const PACKET_BYTES = 600;
const PACKETS_MAX = 50;
/** Longer than a trial needs to settle. */
const SETTLED_MS = 5_000;

const crypto = createNodeCrypto(nodeCrypto);
const KEY = must(
  createNobleSigningKey({ algorithm: 'ed25519', bytes: new Uint8Array(32).fill(7) }),
);

export interface SignedImage {
  readonly bytes: Uint8Array;
  readonly sha: Uint8Array;
}

/** It reaches into the sector of the trailer. */
function signedImage(versionText: string): SignedImage {
  const payload = Uint8Array.from(
    { length: 2300 },
    (_, at) => (at * 31 + versionText.length) & 0xff,
  );
  payload.set(new TextEncoder().encode(versionText));
  const version = must(parseImageVersion(versionText));
  const bytes = must(
    buildImage({ payload, version, headerSizeBytes: 32, signingKey: KEY }, nobleCrypto),
  );
  return { bytes, sha: new Uint8Array(nodeCrypto.createHash('sha256').update(bytes).digest()) };
}

export const OLD_IMAGE: SignedImage = signedImage('1.0.0');
export const NEW_IMAGE: SignedImage = signedImage('2.0.0');

/** What runs: its major version, and whether it is there to stay. */
export interface Running {
  readonly version: number;
  readonly isConfirmed: boolean;
}

export interface ListedImage {
  readonly version: string;
  readonly hash: Uint8Array;
  readonly active: boolean;
  readonly pending: boolean;
}

/** A device whose slots and store are files: one run of it, from its start to the next. */
export class DiskDevice {
  readonly running: Running;
  readonly slots: SlotFiles;
  readonly store: DiskStore;
  readonly agent: Agent;
  #nowMs = 0;
  #resets = 0;

  /**
   * Opens what is on the disk, lets the bootloader decide, tells what was decided, and starts the
   * agent.
   */
  constructor(
    fileSystem: VolatileFileSystem,
    strategy: StrategyName,
    decided: (running: Running) => void = () => undefined,
  ) {
    this.slots = openSlots(fileSystem);
    const booted = must(
      boot(strategy, {
        images: [this.slots],
        keys: [KEY.verificationKey],
        crypto,
        counters: undefined,
        log: () => undefined,
      }),
    );
    const { slot, image } = booted;
    const bootControl = new FlashBootControl({
      strategy,
      layout: { images: [this.slots] },
      activeSlot: slot,
      mayBoot: (staged) => this.#mayBoot(staged),
    });
    this.running = {
      version: image.header.version.major,
      isConfirmed: bootControl.state(slot).confirmed,
    };
    decided(this.running);
    const processes = processTable();
    this.store = must(
      openDiskStore({ folder: STORE_FOLDER, areas: this.slots, fileSystem, processes }),
    );
    this.agent = this.#startAgent(bootControl);
  }

  get isResetAsked(): boolean {
    return this.#resets > 0;
  }

  /** The upload that the store still has open. */
  get isUploadOpen(): boolean {
    return this.store.get(STORE_KEY.uploadCheckpoint) !== undefined;
  }

  /**
   * Uploads as a client does, telling each offset that is answered. At the end the device must say
   * that the image is whole.
   */
  upload(image: SignedImage, answered: (off: number) => void = () => undefined): void {
    let off = 0;
    for (let packets = 0; packets < PACKETS_MAX; packets += 1) {
      const answer = this.sendPacket(image, off);
      answered(answer.off);
      off = answer.off;
      if (off !== image.bytes.byteLength) continue;
      if (!answer.match) throw new Error('the device holds something else');
      return;
    }
    throw new Error('the upload does not end');
  }

  /** Sends what begins at an offset. */
  sendPacket(image: SignedImage, from: number): { readonly off: number; readonly match: boolean } {
    const data = image.bytes.subarray(from, from + PACKET_BYTES);
    const first = from === 0 ? { len: image.bytes.byteLength, sha: image.sha } : {};
    const body = { off: from, data, ...first };
    const answer = this.#ask([SMP_GROUP.image, IMAGE_COMMAND.upload], body);
    const { off, match } = answer;
    if (typeof off !== 'number') throw new Error(`refused: ${JSON.stringify(answer)}`);
    return { off, match: match === true };
  }

  images(): readonly ListedImage[] {
    const { images } = this.#ask([SMP_GROUP.image, IMAGE_COMMAND.state], undefined);
    if (!Array.isArray(images)) throw new Error('no list of images');
    const listed: readonly unknown[] = images;
    return listed as readonly ListedImage[];
  }

  /** Marks the image of a version to be tried at the next start. */
  test(versionText: string): void {
    const hash = this.images().find(({ version }) => version === versionText)?.hash;
    if (hash === undefined) throw new Error(`no image ${versionText} to test`);
    const answer = this.#ask([SMP_GROUP.image, IMAGE_COMMAND.state], { hash, confirm: false });
    if (!('images' in answer)) throw new Error(`refused: ${JSON.stringify(answer)}`);
  }

  askReset(): void {
    this.#ask([SMP_GROUP.os, OS_COMMAND.reset], {});
  }

  /** Lets time pass until the agent confirms what is on trial. */
  confirm(): void {
    this.#nowMs += SETTLED_MS;
    this.agent.tick();
    if (this.agent.trialState !== 'confirmed') throw new Error(`trial ${this.agent.trialState}`);
  }

  #mayBoot(staged: StagedImage): Verdict<void> {
    const policy = { keys: [KEY.verificationKey], crypto, securityCounter: () => undefined };
    return verifyStaged(policy, staged);
  }

  #startAgent(bootControl: FlashBootControl): Agent {
    return new Agent({
      bootControl,
      store: this.store,
      crypto,
      clock: { nowMs: () => this.#nowMs },
      system: {
        info: {
          kernelName: 'Linux',
          nodeName: 'node',
          kernelRelease: '1.0.0',
          kernelVersion: '1.0.0-test',
          buildDateTime: 'today',
          machine: 'arm64',
          processor: 'none',
          hardwarePlatform: 'board',
          operatingSystem: 'Linux',
        },
        requestReset: () => {
          this.#resets += 1;
        },
      },
      selfTest: () => 'pass',
      connectivity: () => 'not-needed',
      log: () => undefined,
      bufferSizeBytes: 2048,
      bufferCount: 4,
    });
  }

  #ask([group, command]: readonly [number, number], body: SmpBody | undefined): SmpBody {
    const request = encodeSmpMessage({
      version: 2,
      op: body === undefined ? 'read' : 'write',
      group,
      command,
      sequence: 7,
      body: body ?? {},
    });
    const response = this.agent.handle(request);
    if (response === undefined) throw new Error('no answer');
    return must(decodeSmpMessage(response)).body;
  }
}

/** A disk as it leaves the factory: the old image in the first slot, confirmed and durable. */
export function factoryDisk(): VolatileFileSystem {
  const disk = new VolatileFileSystem(FOLDERS);
  const [primary] = openSlots(disk);
  const padded = new Uint8Array(Math.ceil(OLD_IMAGE.bytes.byteLength / 8) * 8).fill(0xff);
  padded.set(OLD_IMAGE.bytes);
  must(primary.write(0, padded));
  must(markForDirectXip(primary, { confirm: true }));
  return disk.afterPowerCut('nothing');
}

export function openSlots(fileSystem: VolatileFileSystem): SlotFiles {
  const slot = (path: string, flashOffset: number): Parameters<typeof openSlotFiles>[0][0] => ({
    path,
    name: path,
    flashOffset,
    sizeBytes: SLOT_BYTES,
    sectorSizeBytes: SECTOR_BYTES,
    fileSystem,
  });
  return must(openSlotFiles([slot(SLOT_PATHS[0], 0), slot(SLOT_PATHS[1], SLOT_BYTES)]));
}

let processCount = 0;

/** Each start of the device is a process of its own, and those before it are gone. */
export function processTable(): ProcessTable {
  processCount += 1;
  const self = `process-${processCount}`;
  return { self, isAlive: (other) => other === self };
}

export function must<T>(verdict: Verdict<T, string>): T {
  if (!verdict.ok) throw new Error(`${verdict.code}: ${verdict.detail}`);
  return verdict.value;
}
