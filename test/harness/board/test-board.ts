import { expect } from 'vitest';
import {
  appendBehaviourCard,
  buildImage,
  createNobleSigningKey,
  parseImageVersion,
  type BehaviourCard,
  type FlashEffect,
  type ImageBuildEncryption,
  type SigningKey,
  type StrategyName,
} from '@brickproof/bootloader-sim';
import { encodeSmpMessage, decodeSmpMessage, type SmpBody } from '@brickproof/agent';
import {
  DEVICE_MODELS,
  VirtualBoard,
  createHostCrypto,
  provisionFlash,
  type DeviceModelName,
  type VirtualBoardOptions,
} from '@brickproof/harness';

export const crypto = createHostCrypto();
export const EFFECTS: readonly FlashEffect[] = [
  'untouched',
  { kind: 'prefix', words: 1 },
  { kind: 'one-bit-short' },
  { kind: 'unstable' },
  'weak',
  'applied',
  { kind: 'unstable', firstWord: 1, words: 1 },
];
const HEALTHY: BehaviourCard = {
  selfTest: 'pass',
  hangBeforeConfirm: false,
  crashAfterMs: undefined,
  resetLoop: false,
  neverConnects: false,
};

export function signingKey(fill: number): SigningKey {
  const key = createNobleSigningKey({ algorithm: 'ed25519', bytes: new Uint8Array(32).fill(fill) });
  if (!key.ok) throw new Error(key.detail);
  return key.value;
}

export const KEY = signingKey(1);

export function firmware(
  text: string,
  card?: Partial<BehaviourCard>,
  key: SigningKey = KEY,
  sizeBytes = 20_000,
  encryption?: ImageBuildEncryption,
): Uint8Array {
  const version = parseImageVersion(text);
  if (!version.ok) throw new Error(version.detail);
  const body = Uint8Array.from({ length: sizeBytes }, (_, index) => (index * 31) & 0xff);
  const payload = card === undefined ? body : appendBehaviourCard(body, { ...HEALTHY, ...card });
  const built = buildImage(
    {
      payload,
      version: version.value,
      headerSizeBytes: 0x200,
      securityCounter: 1,
      signingKey: key,
      ...(encryption === undefined ? {} : { encryption }),
    },
    crypto,
  );
  if (!built.ok) throw new Error(built.detail);
  return built.value;
}

export function board(
  options: {
    readonly model?: DeviceModelName;
    readonly strategy?: StrategyName;
  } & Partial<Omit<VirtualBoardOptions, 'model' | 'strategy'>> = {},
): VirtualBoard {
  const { model: name = 'nrf-equal', strategy = 'direct-xip', ...rest } = options;
  const model = DEVICE_MODELS[name];
  const otherImages = name === 'nrf-dual' ? [firmware('3.0.0')] : [];
  const flash = provisionFlash(model, firmware('1.0.0'), { strategy, otherImages });
  if (!flash.ok) throw new Error(flash.detail);
  const made = new VirtualBoard({
    model,
    strategy,
    keys: [KEY.verificationKey],
    crypto,
    flash: flash.value,
    seed: 1,
    ...rest,
  });
  made.powerOn();
  made.advance(500);
  return made;
}

export function ask(
  b: VirtualBoard,
  request: { op: 'read' | 'write'; group: number; command: number; body?: SmpBody },
): SmpBody | undefined {
  const answer = b.datagramReceive(
    encodeSmpMessage({ version: 2, sequence: 1, body: {}, ...request }),
  );
  if (answer === undefined) return undefined;
  const decoded = decodeSmpMessage(answer);
  return decoded.ok ? decoded.value.body : undefined;
}

export const CHUNK_BYTES = 2_000;

const PACKETS_MAX = 1_000;

/** Uploads from wherever the board is; the last answer, undefined when the board went off. */
export function upload(b: VirtualBoard, image: Uint8Array): SmpBody | undefined {
  const hasher = crypto.sha256();
  hasher.update(image);
  const sha = hasher.digest();
  let off = 0;
  for (let packets = 0; packets < PACKETS_MAX; packets += 1) {
    const data = image.subarray(off, off + CHUNK_BYTES);
    const first = off === 0 ? { len: image.byteLength, sha } : {};
    const body = { off, data, ...first };
    const answer = ask(b, { op: 'write', group: 1, command: 1, body });
    if (typeof answer?.['off'] !== 'number' || answer['off'] === image.byteLength) return answer;
    off = answer['off'];
  }
  throw new Error('the upload does not end');
}

export interface Slot {
  readonly slot: number;
  readonly hash: Uint8Array;
}

export function images(b: VirtualBoard): readonly Slot[] {
  const state = ask(b, { op: 'read', group: 1, command: 0 });
  return (state?.['images'] ?? []) as unknown as readonly Slot[];
}

export function testSlot(b: VirtualBoard, slot: number): SmpBody | undefined {
  const hash = images(b).find((entry) => entry.slot === slot)?.hash ?? new Uint8Array(32);
  return ask(b, { op: 'write', group: 1, command: 0, body: { hash, confirm: false } });
}

export function resetBySmp(b: VirtualBoard): void {
  ask(b, { op: 'write', group: 0, command: 5 });
  b.advance(400);
}

/** Uploads, marks and resets; the board then runs the image on trial. */
export function startTrial(b: VirtualBoard, image: Uint8Array): void {
  expect(upload(b, image)).toMatchObject({ off: image.byteLength, match: true });
  expect(testSlot(b, 1)).toHaveProperty('images');
  resetBySmp(b);
}
