import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  encodeSmpMessage,
  decodeSmpMessage,
  IMAGE_COMMAND,
  SMP_GROUP,
  type SmpBody,
} from '@brickproof/agent';
import {
  formatImageVersion,
  imageSourceFromBytes,
  readImageClaims,
  readImageSummary,
  type StrategyName,
} from '@brickproof/bootloader-sim';
import {
  DEVICE_MODELS,
  VirtualBoard,
  createHostCrypto,
  loadVerificationKey,
  provisionFlash,
} from '@brickproof/harness';
import { describe, expect, it } from 'vitest';

const FOLDER = fileURLToPath(new URL('../../firmware-samples', import.meta.url));
const KEY_FILE = join(FOLDER, 'keys', 'test-key-ed25519.pem');
const STATE = [SMP_GROUP.image, IMAGE_COMMAND.state] as const;
const UPLOAD = [SMP_GROUP.image, IMAGE_COMMAND.upload] as const;
const CHUNK_BYTES = 2_000;

interface PairSample {
  readonly file: string;
  readonly image: number;
  readonly needs: readonly { readonly image: number; readonly version: string }[];
  readonly version: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly imageHash: string;
}

interface PairIndex {
  readonly pairs: {
    readonly model: 'nrf-dual';
    readonly runs: { readonly image0: string; readonly image1: string };
    readonly samples: readonly PairSample[];
  };
}

const { pairs } = JSON.parse(readFileSync(join(FOLDER, 'index.json'), 'utf8')) as PairIndex;
const crypto = createHostCrypto();

function bytesOf(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(FOLDER, pairs.model, name)));
}

describe('the samples for a board with two images', () => {
  it('are all in the index, and nothing else is', () => {
    const files = readdirSync(join(FOLDER, pairs.model)).map((file) => `${pairs.model}/${file}`);
    expect(pairs.samples.map(({ file }) => file).toSorted()).toEqual(files.toSorted());
  });

  it.each(pairs.samples)('$file is what the index says', (entry) => {
    const image = new Uint8Array(readFileSync(join(FOLDER, entry.file)));
    expect(image.byteLength).toBe(entry.sizeBytes);
    expect(createHash('sha256').update(image).digest('hex')).toBe(entry.sha256);
    const summary = readImageSummary(imageSourceFromBytes(image));
    if (!summary.ok) throw new Error(summary.detail);
    expect(Buffer.from(summary.value.hash).toString('hex')).toBe(entry.imageHash);
    expect(formatImageVersion(summary.value.header.version)).toBe(`${entry.version}+0`);
    const claims = readImageClaims(imageSourceFromBytes(image));
    const dependencies = claims.ok ? claims.value.dependencies : undefined;
    expect(
      dependencies?.map(({ imageIndex, minimumVersion }) => ({
        image: imageIndex,
        version: formatImageVersion(minimumVersion).replace('+0', ''),
      })),
    ).toEqual(entry.needs);
  });
});

class Story {
  readonly board: VirtualBoard;

  constructor(strategy: StrategyName) {
    const [image, second] = [bytesOf(pairs.runs.image0), bytesOf(pairs.runs.image1)];
    const key = loadVerificationKey(readFileSync(KEY_FILE, 'utf8'));
    if (!key.ok) throw new Error(key.detail);
    const model = DEVICE_MODELS[pairs.model];
    const flash = provisionFlash(model, image, { strategy, otherImages: [second] });
    if (!flash.ok) throw new Error(flash.detail);
    this.board = new VirtualBoard({
      model,
      strategy,
      crypto,
      keys: [key.value],
      flash: flash.value,
      seed: 1,
    });
    this.board.powerOn();
    this.board.advance(500);
  }

  get versions(): string {
    const { version = 'none', otherVersions } = this.board.state;
    return [version, ...otherVersions].join(' ').replaceAll('+0', '');
  }

  ask([group, command]: readonly [number, number], body: SmpBody): SmpBody {
    const request = { version: 2, op: 'write', sequence: 1, group, command, body } as const;
    const answer = this.board.datagramReceive(encodeSmpMessage(request));
    const decoded = answer && decodeSmpMessage(answer);
    if (decoded?.ok !== true) throw new Error('no answer');
    return decoded.value.body;
  }

  /** Uploads a sample and asks for a test of it. */
  stage(name: string, image: number): this {
    const bytes = bytesOf(name);
    const sha = new Uint8Array(createHash('sha256').update(bytes).digest());
    for (let off = 0; off < bytes.byteLength; off += CHUNK_BYTES) {
      const data = bytes.subarray(off, off + CHUNK_BYTES);
      const first = off === 0 ? { len: bytes.byteLength, sha, image } : {};
      expect(this.ask(UPLOAD, { off, data, ...first })).toHaveProperty('off');
    }
    const summary = readImageSummary(imageSourceFromBytes(bytes));
    const hash = summary.ok ? summary.value.hash : new Uint8Array(0);
    expect(this.ask(STATE, { hash })).toHaveProperty('images');
    return this;
  }

  reset(settleMs = 5_000): this {
    this.board.reset();
    this.board.advance(settleMs);
    return this;
  }
}

describe.each(['swap-using-offset', 'swap-using-move', 'swap-using-scratch'] as const)(
  'the samples for a board with two images, under %s,',
  (strategy) => {
    it('run as they leave the factory', () => {
      expect(new Story(strategy).versions).toBe('1.0.0 1.0.0');
    });

    it('are installed together, and stay', () => {
      const story = new Story(strategy);
      story.stage('good-1.1.0-image1-imgtool.bin', 1);
      story.stage('good-1.1.0-needs-image1-imgtool.bin', 0).reset();
      expect(story.versions).toBe('1.1.0 1.1.0');
      expect(story.board.state.trial).toBe('confirmed');
      expect(story.reset().versions).toBe('1.1.0 1.1.0');
      expect(story.board.counters.snapshot()).toEqual([1, 1]);
    });

    it('are not installed without what they need', () => {
      const story = new Story(strategy);
      const console: string[] = [];
      story.board.listen({ uart: (bytes) => console.push(Buffer.from(bytes).toString('latin1')) });
      story.stage('good-1.1.0-needs-image1-imgtool.bin', 0).reset();
      expect(story.versions).toBe('1.0.0 1.0.0');
      expect(console.join('')).toContain('W: Image 0 needs image 1 in version 1.1.0+0\r\n');
    });

    it('are rolled back together', () => {
      const story = new Story(strategy);
      story.stage('good-1.1.0-image1-imgtool.bin', 1);
      story.stage('good-1.2.0-needs-image1-self-test-fails.bin', 0).reset(400);
      expect(story.versions).toBe('1.2.0 1.1.0');
      story.board.advance(5_000);
      expect(story.versions).toBe('1.0.0 1.0.0');
    });
  },
);
