import { createHash } from 'node:crypto';
import {
  FlashBootControl,
  createSmpServer,
  decodeSmpMessage,
  encodeSmpMessage,
  openLogStore,
} from '@brickproof/agent';
import type { ResetRequest, SmpBody, SmpServer, SmpVersion, Store } from '@brickproof/agent';
import {
  DONE,
  NorFlash,
  TLV,
  createFlashGeometry,
  createFlashMap,
  encodeImageHeader,
  markForDirectXip,
  nobleCrypto,
} from '@brickproof/bootloader-sim';
import type {
  CryptoProvider,
  ErasedValue,
  FlashMap,
  ImageVersion,
  SectorRun,
  Verdict,
  WriteAlignBytes,
} from '@brickproof/bootloader-sim';

/** A provider that hashes; nothing tested here verifies a signature. */
export const HASH_ONLY: CryptoProvider = {
  ...nobleCrypto,
  name: 'hash-only',
  sha256: () => {
    const hash = createHash('sha256');
    return {
      update: (chunk) => {
        hash.update(chunk);
      },
      digest: () => new Uint8Array(hash.digest()),
    };
  },
  verify: () => 'unsupported',
};

export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  const hasher = HASH_ONLY.sha256();
  for (const part of parts) hasher.update(part);
  return hasher.digest();
}

const TLV_UNPROTECTED_MAGIC = 0x6907;

export interface TestImage {
  readonly bytes: Uint8Array;
  /** The hash in its TLV. */
  readonly hash: Uint8Array;
  /** Of the whole file. */
  readonly sha: Uint8Array;
}

export function version(text: string): ImageVersion {
  const [major = 0, minor = 0, revision = 0, buildNumber = 0] = text.split('.').map(Number);
  return { major, minor, revision, buildNumber };
}

/** An unsigned image: header, body, and the TLV with its hash. Nothing in it is encrypted. */
export function buildTestImage(versionText: string, bodySizeBytes = 1000, flags = 0): TestImage {
  const header = encodeImageHeader({
    loadAddress: 0,
    headerSizeBytes: 32,
    protectedTlvSizeBytes: 0,
    bodySizeBytes,
    flags,
    version: version(versionText),
  });
  const body = Uint8Array.from({ length: bodySizeBytes }, (_, at) => (at * 7 + (at >> 8)) & 0xff);
  const hash = sha256(header, body);
  const tlvs = new Uint8Array(8 + hash.byteLength);
  const view = new DataView(tlvs.buffer);
  view.setUint16(0, TLV_UNPROTECTED_MAGIC, true);
  view.setUint16(2, tlvs.byteLength, true);
  view.setUint16(4, TLV.sha256, true);
  view.setUint16(6, hash.byteLength, true);
  tlvs.set(hash, 8);
  const bytes = Uint8Array.from([...header, ...body, ...tlvs]);
  return { bytes, hash, sha: sha256(bytes) };
}

export interface TestDeviceOptions {
  readonly slotRuns?: readonly SectorRun[];
  readonly writeAlignBytes?: WriteAlignBytes;
  readonly erasedValue?: ErasedValue;
  readonly mayBoot?: () => Verdict<void>;
  readonly bufferSizeBytes?: number;
  readonly takesEncryptedImages?: boolean;
}

function must<T>(verdict: Verdict<T, string>): T {
  if (!verdict.ok) throw new Error(`${verdict.code}: ${verdict.detail}`);
  return verdict.value;
}

/** A device with two slots and a store in one flash, and an agent that can be started anew. */
export class TestDevice {
  readonly flash: NorFlash;
  readonly resets: ResetRequest[] = [];
  readonly log: string[] = [];
  nowMs = 0;
  activeSlot = 0;
  readonly #options: TestDeviceOptions;
  readonly #map: FlashMap;
  #server: SmpServer | undefined;
  #store: Store | undefined;

  constructor(options: TestDeviceOptions = {}, flash?: NorFlash) {
    this.#options = options;
    const slotRuns = options.slotRuns ?? [{ count: 8, sizeBytes: 512 }];
    const storeRuns = [{ count: 2, sizeBytes: 1024 }];
    const size = (runs: readonly SectorRun[]): number =>
      runs.reduce((sum, run) => sum + run.count * run.sizeBytes, 0);
    const geometry = (): NorFlash =>
      new NorFlash(
        must(
          createFlashGeometry({
            sectorRuns: [...slotRuns, ...slotRuns, ...storeRuns],
            writeAlignBytes: options.writeAlignBytes ?? 4,
            erasedValue: options.erasedValue ?? 0xff,
          }),
        ),
      );
    this.flash = flash ?? geometry();
    const slotBytes = size(slotRuns);
    this.#map = must(
      createFlashMap(this.flash, [
        { name: 'slot0', offset: 0, sizeBytes: slotBytes },
        { name: 'slot1', offset: slotBytes, sizeBytes: slotBytes },
        { name: 'store', offset: 2 * slotBytes, sizeBytes: size(storeRuns) },
      ]),
    );
  }

  /** The same flash in a device that has just started. */
  copy(): TestDevice {
    const copy = new TestDevice(this.#options, new NorFlash(this.flash.snapshot()));
    copy.activeSlot = this.activeSlot;
    return copy;
  }

  /** Puts an image into a slot as a programmer would, confirmed unless said otherwise. */
  program(slot: number, image: TestImage, confirm = true): this {
    const area = this.bootControl.area(slot);
    must(area.erase(0, area.sizeBytes));
    const align = area.writeAlignBytes;
    const padded = new Uint8Array(Math.ceil(image.bytes.byteLength / align) * align);
    padded.fill(area.erasedValue).set(image.bytes);
    must(area.write(0, padded));
    if (confirm) must(markForDirectXip(area, { confirm }));
    return this;
  }

  get bootControl(): FlashBootControl {
    return new FlashBootControl({
      strategy: 'direct-xip',
      layout: { images: [[this.#map.area('slot0'), this.#map.area('slot1')]] },
      activeSlot: this.activeSlot,
      mayBoot: this.#options.mayBoot ?? ((): Verdict<void> => DONE),
    });
  }

  get store(): Store {
    this.#store ??= must(openLogStore(this.#map.area('store')));
    return this.#store;
  }

  get server(): SmpServer {
    this.#server ??= createSmpServer({
      bootControl: this.bootControl,
      store: this.store,
      crypto: HASH_ONLY,
      clock: { nowMs: () => this.nowMs },
      system: {
        info: {
          kernelName: 'Brickproof',
          nodeName: 'node',
          kernelRelease: '1.0.0',
          kernelVersion: '1.0.0-test',
          buildDateTime: 'today',
          machine: 'sim',
          processor: 'none',
          hardwarePlatform: 'board',
          operatingSystem: 'BrickOS',
        },
        requestReset: (request) => this.resets.push(request),
      },
      bufferSizeBytes: this.#options.bufferSizeBytes ?? 2048,
      bufferCount: 4,
      takesEncryptedImages: this.#options.takesEncryptedImages ?? false,
      log: (text) => this.log.push(text),
    });
    return this.#server;
  }

  /** What the memory of the agent held is gone. */
  restart(activeSlot = this.activeSlot): this {
    this.activeSlot = activeSlot;
    this.#server = undefined;
    this.#store = undefined;
    return this;
  }

  slotBytes(slot: number): Uint8Array {
    const area = this.bootControl.area(slot);
    return area.read(0, area.sizeBytes).slice();
  }

  /** Sends a request and answers the body of its response. */
  ask(
    op: 'read' | 'write',
    [group, command]: readonly [number, number],
    body: SmpBody = {},
    smpVersion: SmpVersion = 2,
  ): SmpBody {
    const request = encodeSmpMessage({
      version: smpVersion,
      op,
      group,
      command,
      sequence: 7,
      body,
    });
    const response = this.server.handle(request);
    if (response === undefined) throw new Error('no answer');
    return must(decodeSmpMessage(response)).body;
  }
}
