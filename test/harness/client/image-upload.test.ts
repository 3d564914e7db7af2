import { decodeSmpMessage, encodeSmpMessage } from '@brickproof/agent';
import type { SmpBody } from '@brickproof/agent';
import { UPLOAD_STALLS_MAX } from '@brickproof/harness';
import { describe, expect, it } from 'vitest';
import { TestDevice, buildTestImage } from '../../agent/test-device.js';
import type { TestDeviceOptions } from '../../agent/test-device.js';
import { MemoryLink, quickClient, seededRandom } from './memory-link.js';
import type { MemoryLinkOptions } from './memory-link.js';

const RUNNING = buildTestImage('1.0.0', 600);
const NEXT = buildTestImage('1.1.0', 40_000);
const UPLOAD_COMMAND = 1;

function device(options: TestDeviceOptions = {}): TestDevice {
  const slotRuns = [{ count: 16, sizeBytes: 4096 }];
  return new TestDevice({ slotRuns, ...options }).program(0, RUNNING);
}

function linkTo(target: TestDevice, options: Partial<MemoryLinkOptions> = {}): MemoryLink {
  return new MemoryLink({ handle: (request) => target.server.handle(request), ...options });
}

function holdsImage(target: TestDevice): boolean {
  const slot = Buffer.from(target.slotBytes(1));
  return slot.subarray(0, NEXT.bytes.byteLength).equals(NEXT.bytes);
}

interface UploadRequest {
  readonly messageBytes: number;
  readonly offset: number;
  readonly dataBytes: number;
  readonly keys: readonly string[];
}

function uploadRequests(link: MemoryLink): readonly UploadRequest[] {
  return link.requests.flatMap((bytes) => {
    const decoded = decodeSmpMessage(bytes);
    if (!decoded.ok) throw new Error(decoded.detail);
    const { group, command, body } = decoded.value;
    if (group !== 1 || command !== UPLOAD_COMMAND) return [];
    const { off, data } = body;
    if (typeof off !== 'number' || !(data instanceof Uint8Array)) throw new Error('no chunk');
    const keys = Object.keys(body);
    return [{ messageBytes: bytes.byteLength, offset: off, dataBytes: data.byteLength, keys }];
  });
}

/** A device that answers parameters as told and uploads as it likes. */
function scripted(params: SmpBody, upload: (body: SmpBody) => SmpBody): MemoryLink {
  return new MemoryLink({
    handle: (request) => {
      const decoded = decodeSmpMessage(request);
      if (!decoded.ok) throw new Error(decoded.detail);
      const { group, command, sequence, body } = decoded.value;
      const isUpload = group === 1 && command === UPLOAD_COMMAND;
      return encodeSmpMessage({
        version: 2,
        op: isUpload ? 'write-response' : 'read-response',
        group,
        command,
        sequence,
        body: isUpload ? upload(body) : params,
      });
    },
  });
}

describe('imageUpload', () => {
  it('brings the image into the slot, and says so', async () => {
    const target = device();
    const link = linkTo(target);
    const uploaded = await quickClient(link).imageUpload(NEXT.bytes);
    expect(uploaded).toMatchObject({
      ok: true,
      value: { bytes: NEXT.bytes.byteLength, resumedFrom: 0, match: true },
    });
    expect(holdsImage(target)).toBe(true);
  });

  it('fills the buffer it was told of, and never exceeds it, framing included', async () => {
    for (const bufferSizeBytes of [128, 256, 300, 512, 1024, 2048]) {
      const target = device({ bufferSizeBytes });
      const link = linkTo(target, { bufferOverheadBytes: 4 });
      expect(await quickClient(link).imageUpload(NEXT.bytes)).toMatchObject({ ok: true });
      const sizes = uploadRequests(link).map(({ messageBytes }) => messageBytes + 4);
      expect(Math.max(...sizes)).toBeLessThanOrEqual(bufferSizeBytes);
      expect(Math.max(...sizes)).toBeGreaterThan(bufferSizeBytes - 16);
    }
  });

  it('exceeds no buffer, whatever its size leaves over', async () => {
    for (let bufSize = 110; bufSize < 340; bufSize += 1) {
      const link = scripted({ buf_size: bufSize, buf_count: 4 }, acceptAll);
      const image = NEXT.bytes.subarray(0, 2_000);
      expect(await quickClient(link).imageUpload(image)).toMatchObject({ ok: true });
      const sizes = uploadRequests(link).map(({ messageBytes }) => messageBytes);
      expect(Math.max(...sizes)).toBeLessThanOrEqual(bufSize);
    }
  });

  it('keeps several requests under way, but leaves the device a buffer for its answer', async () => {
    const link = linkTo(device());
    await quickClient(link).imageUpload(NEXT.bytes);
    expect(link.queuedMax).toBe(3);
  });

  it('sends one request at a time to a device with one buffer, or one that does not say', async () => {
    const one = scripted({ buf_size: 1024, buf_count: 1 }, acceptAll);
    expect(await quickClient(one).imageUpload(NEXT.bytes)).toMatchObject({ ok: true });
    expect(one.queuedMax).toBe(1);
    const silent = scripted({ rc: 8 }, acceptAll);
    expect(await quickClient(silent).imageUpload(NEXT.bytes)).toMatchObject({ ok: true });
    expect(silent.queuedMax).toBe(1);
    const sizes = uploadRequests(silent).map(({ messageBytes }) => messageBytes);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(384);
    expect(Math.max(...uploadRequests(silent).map(({ dataBytes }) => dataBytes))).toBeGreaterThan(
      255,
    );
  });

  it('tells length and hash in the first packet only', async () => {
    const link = linkTo(device());
    await quickClient(link).imageUpload(NEXT.bytes, { image: 0, upgrade: true });
    const [first, ...rest] = uploadRequests(link);
    expect(new Set(first?.keys)).toEqual(
      new Set(['image', 'len', 'off', 'sha', 'data', 'upgrade']),
    );
    for (const { keys } of rest) expect(new Set(keys)).toEqual(new Set(['off', 'data']));
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'arrives whole through a link that loses, doubles and reorders (seed %i)',
    async (seed) => {
      const target = device({ bufferSizeBytes: 512 });
      const random = seededRandom(seed);
      const link = linkTo(target, { random, loss: 0.05, duplicate: 0.1, reorder: 0.1 });
      const uploaded = await quickClient(link, { timeoutMs: 15, retries: 30 }).imageUpload(
        NEXT.bytes,
      );
      expect(uploaded).toMatchObject({ ok: true });
      expect(holdsImage(target)).toBe(true);
    },
  );

  it('goes back at once when a request in the middle is lost, without waiting for its time', async () => {
    const target = device();
    const dropped: number[] = [];
    const link = linkTo(target, {
      handle: (request) => {
        const offset = decodeOffset(request);
        if (offset > 10_000 && dropped.length === 0) {
          dropped.push(offset);
          return undefined;
        }
        return target.server.handle(request);
      },
    });
    const client = quickClient(link, { timeoutMs: 10_000 });
    const uploaded = await client.imageUpload(NEXT.bytes);
    expect(uploaded.ok && uploaded.value.durationMs).toBeLessThan(5_000);
    expect(client.statistics.resent).toBe(0);
    expect(dropped).toHaveLength(1);
    expect(holdsImage(target)).toBe(true);
  });

  it('makes its messages smaller for a device whose serial driver drops the large ones', async () => {
    const target = device({ bufferSizeBytes: 1024 });
    const link = linkTo(target, {
      handle: (request) => (request.byteLength > 300 ? undefined : target.server.handle(request)),
    });
    expect(await quickClient(link, { timeoutMs: 5 }).imageUpload(NEXT.bytes)).toMatchObject({
      ok: true,
    });
    expect(holdsImage(target)).toBe(true);
    const last = uploadRequests(link).at(-2);
    expect(last?.messageBytes).toBeGreaterThan(200);
  });

  it('gives up on a device that lives, but takes no chunk however small', async () => {
    const target = device();
    const link = linkTo(target, {
      handle: (request) => (request.byteLength > 100 ? undefined : target.server.handle(request)),
    });
    expect(await quickClient(link, { timeoutMs: 5 }).imageUpload(NEXT.bytes)).toMatchObject({
      ok: false,
      code: 'smp-timeout',
    });
  });

  it('waits for a device that erases a whole slot first, and keeps its messages large', async () => {
    const target = device();
    const erasedMs = performance.now() + 150;
    const waiting: Uint8Array[] = [];
    const link: MemoryLink = linkTo(target, {
      handle: (request) => {
        const isUpload = request[5] === 1;
        if (performance.now() > erasedMs || (!isUpload && waiting.length === 0)) {
          return target.server.handle(request);
        }
        // Busy: what comes waits in the device's buffers, and is answered afterwards.
        waiting.push(request);
        if (waiting.length === 1) {
          setTimeout(() => {
            for (const late of waiting.splice(0)) {
              const response = target.server.handle(late);
              if (response !== undefined) link.inject(response);
            }
          }, erasedMs - performance.now());
        }
        return undefined;
      },
    });
    const uploaded = await quickClient(link, { timeoutMs: 40 }).imageUpload(NEXT.bytes);
    expect(uploaded).toMatchObject({ ok: true, value: { match: true } });
    expect(uploadRequests(link).at(-2)?.messageBytes).toBeGreaterThan(2000);
  });

  it('recovers when all that is under way is lost at once', async () => {
    const target = device({ bufferSizeBytes: 512 });
    let silent = false;
    const link = linkTo(target, {
      handle: (request) => (silent ? undefined : target.server.handle(request)),
    });
    const uploaded = await quickClient(link, { timeoutMs: 40 }).imageUpload(NEXT.bytes, {
      onProgress: ({ sentBytes }) => {
        if (silent || sentBytes < 20_000 || sentBytes > 21_000) return;
        silent = true;
        setTimeout(() => {
          silent = false;
        }, 10);
      },
    });
    expect(uploaded).toMatchObject({ ok: true, value: { resumedFrom: 0 } });
    expect(holdsImage(target)).toBe(true);
  });

  it('sends less at once to a device that loses what comes at once', async () => {
    const target = device({ bufferSizeBytes: 512 });
    let busy = false;
    const link = linkTo(target, {
      handle: (request) => {
        // Its driver holds one message; a second one before that is read is lost.
        if (busy) return undefined;
        busy = true;
        setImmediate(() => {
          busy = false;
        });
        return target.server.handle(request);
      },
    });
    const client = quickClient(link, { timeoutMs: 100 });
    expect(await client.imageUpload(NEXT.bytes)).toMatchObject({ ok: true });
    const chunks = Math.ceil(NEXT.bytes.byteLength / 480);
    expect(uploadRequests(link).length).toBeLessThan(chunks * 1.2);
  });

  it('goes on over a new connection where the lost one stopped', async () => {
    const target = device({ bufferSizeBytes: 512 });
    const first = linkTo(target);
    const stopped = await quickClient(first).imageUpload(NEXT.bytes, {
      onProgress: ({ sentBytes }) => {
        if (sentBytes > 20_000) first.drop();
      },
    });
    expect(stopped).toMatchObject({ ok: false, code: 'connection-lost' });

    const second = linkTo(target);
    const resumed = await quickClient(second).imageUpload(NEXT.bytes);
    expect(resumed).toMatchObject({ ok: true, value: { match: true } });
    expect(resumed.ok && resumed.value.resumedFrom).toBeGreaterThan(20_000);
    expect(uploadRequests(second)[1]?.offset).toBe(resumed.ok && resumed.value.resumedFrom);
    expect(holdsImage(target)).toBe(true);
  });

  it('follows a device that restarts in the middle, first-packet fields again', async () => {
    const target = device({ bufferSizeBytes: 512 });
    let restarted = false;
    const link = linkTo(target, {
      handle: (request) => {
        if (!restarted && decodeOffset(request) > 20_000) {
          restarted = true;
          target.restart();
        }
        return target.server.handle(request);
      },
    });
    expect(await quickClient(link).imageUpload(NEXT.bytes)).toMatchObject({ ok: true });
    expect(holdsImage(target)).toBe(true);
    const again = uploadRequests(link).filter(({ offset }) => offset === 0);
    expect(again.length).toBeGreaterThan(1);
    for (const { keys } of again) expect(keys).toContain('sha');
  });

  it('sends nothing more when the device has it all', async () => {
    const link = scripted({ buf_size: 1024, buf_count: 4 }, ({ len }) => ({ off: len ?? 0 }));
    expect(await quickClient(link).imageUpload(NEXT.bytes)).toMatchObject({
      ok: true,
      value: { resumedFrom: NEXT.bytes.byteLength },
    });
    expect(uploadRequests(link)).toHaveLength(1);
  });

  it('reports progress that rises to the whole image', async () => {
    const seen: number[] = [];
    await quickClient(linkTo(device())).imageUpload(NEXT.bytes, {
      onProgress: ({ sentBytes }) => seen.push(sentBytes),
    });
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.at(-1)).toBe(NEXT.bytes.byteLength);
  });

  it('stops when it is told to, and can be resumed', async () => {
    const target = device({ bufferSizeBytes: 512 });
    const stop = new AbortController();
    const stopped = await quickClient(linkTo(target)).imageUpload(NEXT.bytes, {
      signal: stop.signal,
      onProgress: ({ sentBytes }) => {
        if (sentBytes > 10_000) stop.abort();
      },
    });
    expect(stopped).toMatchObject({ ok: false, code: 'upload-aborted' });
    const resumed = await quickClient(linkTo(target)).imageUpload(NEXT.bytes);
    expect(resumed.ok && resumed.value.resumedFrom).toBeGreaterThan(0);
  });

  it('gives up on a device that never gets ahead', async () => {
    const link = scripted({ buf_size: 1024, buf_count: 4 }, ({ off }) => ({
      off: off === 0 ? 500 : 400,
    }));
    expect(await quickClient(link).imageUpload(NEXT.bytes)).toMatchObject({
      ok: false,
      code: 'upload-stalled',
    });
    expect(uploadRequests(link).length).toBeLessThan(UPLOAD_STALLS_MAX * 4);
  });

  it('gives up on a device that starts over and over', async () => {
    const link = scripted({ buf_size: 1024, buf_count: 4 }, ({ off, data }) => {
      const end = Number(off) + (data instanceof Uint8Array ? data.byteLength : 0);
      return { off: end > 5_000 ? 0 : end };
    });
    expect(await quickClient(link).imageUpload(NEXT.bytes)).toMatchObject({
      ok: false,
      code: 'upload-stalled',
    });
  });

  it.each<readonly [string, SmpBody, string]>([
    ['no offset', {}, 'smp-response-malformed'],
    ['an offset past the end', { off: 1e9 }, 'smp-response-malformed'],
    ['other bytes than were sent', { off: NEXT.bytes.byteLength, match: false }, 'upload-mismatch'],
    ['an error', { err: { group: 1, rc: 30 } }, 'smp-device-refused'],
  ])('refuses a device that answers %s', async (_, body, code) => {
    const link = scripted({ buf_size: 1024, buf_count: 4 }, () => body);
    expect(await quickClient(link).imageUpload(NEXT.bytes)).toMatchObject({ ok: false, code });
  });

  it('leaves the slot alone when the device finds no image in the bytes', async () => {
    const target = device();
    const before = target.slotBytes(1);
    const refused = await quickClient(linkTo(target)).imageUpload(new Uint8Array(5_000));
    expect(refused).toMatchObject({
      ok: false,
      code: 'smp-device-refused',
      deviceError: { rc: 23 },
    });
    expect(target.slotBytes(1)).toEqual(before);
  });

  it.each([0, 1, 40, 80])('refuses buffers of %i bytes', async (bufSize) => {
    const link = scripted({ buf_size: bufSize, buf_count: 4 }, acceptAll);
    expect(await quickClient(link).imageUpload(NEXT.bytes)).toMatchObject({
      ok: false,
      code: 'upload-buffer-too-small',
    });
  });

  it('refuses an image of no bytes', async () => {
    expect(await quickClient(linkTo(device())).imageUpload(new Uint8Array(0))).toMatchObject({
      ok: false,
      code: 'upload-image-empty',
    });
  });
});

function acceptAll({ off, data }: SmpBody): SmpBody {
  return { off: Number(off) + (data instanceof Uint8Array ? data.byteLength : 0) };
}

function decodeOffset(request: Uint8Array): number {
  const decoded = decodeSmpMessage(request);
  const off = decoded.ok ? decoded.value.body['off'] : undefined;
  return typeof off === 'number' ? off : 0;
}
