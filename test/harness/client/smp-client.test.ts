import { IMAGE_ERROR, decodeSmpMessage, encodeSmpMessage } from '@brickproof/agent';
import type { SmpBody } from '@brickproof/agent';
import { describe, expect, it } from 'vitest';
import { TestDevice, buildTestImage } from '../../agent/test-device.js';
import { MemoryLink, quickClient, seededRandom } from './memory-link.js';

const RUNNING = buildTestImage('1.0.0', 600);
const NEXT = buildTestImage('1.1.0', 1900);

function deviceWithImages(): TestDevice {
  return new TestDevice().program(0, RUNNING).program(1, NEXT, false);
}

function linkTo(device: TestDevice): MemoryLink {
  return new MemoryLink({ handle: (request) => device.server.handle(request) });
}

/** Answers every request with one body. */
function linkAnswering(body: (request: SmpBody) => SmpBody): MemoryLink {
  return new MemoryLink({ handle: (request) => respond(request, body) });
}

function respond(request: Uint8Array, body: (request: SmpBody) => SmpBody): Uint8Array {
  const decoded = decodeSmpMessage(request);
  if (!decoded.ok) throw new Error(decoded.detail);
  const { version, op, group, command, sequence } = decoded.value;
  return encodeSmpMessage({
    version,
    op: op === 'read' ? 'read-response' : 'write-response',
    group,
    command,
    sequence,
    body: body(decoded.value.body),
  });
}

describe('SmpClient', () => {
  it('echoes text that is not ASCII', async () => {
    const client = quickClient(linkTo(deviceWithImages()));
    expect(await client.echo('grüße, 世界')).toEqual({ ok: true, value: 'grüße, 世界' });
  });

  it('reads parameters, info and bootloader', async () => {
    const client = quickClient(linkTo(deviceWithImages()));
    expect(await client.params()).toEqual({
      ok: true,
      value: { bufSizeBytes: 2048, bufCount: 4 },
    });
    expect(await client.info('s')).toEqual({ ok: true, value: 'Brickproof' });
    expect(await client.bootloaderInfo()).toEqual({
      ok: true,
      value: {
        bootloader: 'MCUboot',
        mode: 5,
        modeName: 'direct-xip-with-revert',
        noDowngrade: true,
      },
    });
  });

  it('reads what became of the last update', async () => {
    const device = deviceWithImages();
    const client = quickClient(linkTo(device));
    expect(await client.lastUpdate()).toEqual({ ok: true, value: { state: 'none' } });
    const images = await client.imageState();
    const staged = images.ok ? images.value.find(({ active }) => !active) : undefined;
    const hash = staged?.hash ?? new Uint8Array(0);
    expect(await client.imageTest(hash)).toMatchObject({ ok: true });
    expect(await client.lastUpdate()).toEqual({ ok: true, value: { state: 'marked', hash } });
  });

  it('sets the clock and reads it back; a clock never set is refused in words', async () => {
    const client = quickClient(linkTo(deviceWithImages()));
    const unset = await client.datetime();
    expect(unset).toMatchObject({ ok: false, code: 'smp-device-refused' });
    expect(unset).toHaveProperty('detail', expect.stringContaining('clock'));
    expect(await client.setDatetime('2026-03-01T12:00:00')).toMatchObject({ ok: true });
    const read = await client.datetime();
    expect(read.ok && read.value).toContain('2026-03-01T12:00:00');
  });

  it('lists images, tests one by its hash, and lists slots', async () => {
    const device = deviceWithImages();
    const client = quickClient(linkTo(device));
    const listed = await client.imageState();
    expect(listed).toMatchObject({
      ok: true,
      value: [
        { slot: 0, version: '1.0.0', active: true, confirmed: true },
        { slot: 1, version: '1.1.0', pending: false },
      ],
    });
    expect(listed.ok && Buffer.from(listed.value[1]?.hash ?? [])).toEqual(Buffer.from(NEXT.hash));
    expect(await client.imageTest(NEXT.hash)).toMatchObject({
      ok: true,
      value: [{ pending: false }, { slot: 1, pending: true, permanent: false }],
    });
    expect(await client.slotInfo()).toMatchObject({
      ok: true,
      value: [
        { image: 0, slot: 0, sizeBytes: 4096 },
        { image: 0, slot: 1, sizeBytes: 4096 },
      ],
    });
  });

  it('confirms, and erases the slot that does not run', async () => {
    const device = deviceWithImages();
    const client = quickClient(linkTo(device));
    expect(await client.imageErase()).toMatchObject({ ok: true });
    expect(await client.imageState()).toMatchObject({ ok: true, value: [{ slot: 0 }] });
    expect(await client.imageConfirm()).toMatchObject({ ok: true });
  });

  it('tells a refusal of version 2 with the group and number behind it', async () => {
    const client = quickClient(linkTo(deviceWithImages()));
    expect(await client.imageTest(RUNNING.hash)).toMatchObject({
      ok: false,
      code: 'smp-device-refused',
      deviceError: { kind: 'group', group: 1, rc: IMAGE_ERROR.testOfActiveDenied },
    });
  });

  it('tells where the reason stands when the device does not let an image boot', async () => {
    const denied = { err: { group: 1, rc: IMAGE_ERROR.confirmationDenied } };
    const refused = await quickClient(linkAnswering(() => denied)).imageTest(RUNNING.hash);
    expect(refused).toHaveProperty('detail', expect.stringMatching(/; its console says why$/));
    const other = { err: { group: 64, rc: IMAGE_ERROR.confirmationDenied } };
    const without = await quickClient(linkAnswering(() => other)).imageTest(RUNNING.hash);
    expect(without).toHaveProperty('detail', expect.not.stringContaining('console'));
  });

  it('tells a refusal of version 1 with its reason, and no control characters', async () => {
    const client = quickClient(linkAnswering(() => ({ rc: 5, rsn: 'gone\u001b[2J' })));
    const refused = await client.imageState();
    expect(refused).toMatchObject({ ok: false, code: 'smp-device-refused' });
    expect(refused).toHaveProperty('detail', expect.stringContaining('gone?[2J'));
  });

  it('takes an rc of 0 as success, as old servers say it', async () => {
    const client = quickClient(linkAnswering(() => ({ rc: 0 })));
    expect(await client.imageErase(1)).toMatchObject({ ok: true });
  });

  it.each([
    ['an error that is no map', { err: 'broken' }],
    ['an error code that is text', { rc: 'seven' }],
  ])('does not take %s for success', async (_, body) => {
    const client = quickClient(linkAnswering(() => body));
    expect(await client.imageErase(1)).toMatchObject({ ok: false, code: 'smp-response-malformed' });
  });

  it.each<readonly [string, SmpBody]>([
    ['no images', {}],
    ['images that are no list', { images: 'none' }],
    ['an image without a slot', { images: [{ version: '1.0.0' }] }],
    ['an image that is no map', { images: [7] }],
  ])('refuses a state with %s', async (_, body) => {
    const client = quickClient(linkAnswering(() => body));
    expect(await client.imageState()).toMatchObject({ ok: false, code: 'smp-response-malformed' });
  });

  it('falls back to version 1 for a device that finds version 2 too new, and stays there', async () => {
    const device = deviceWithImages();
    const versions: number[] = [];
    const link = new MemoryLink({
      handle: (request) => {
        const version = ((request[0] ?? 0) >> 3) & 0b11;
        versions.push(version);
        return version === 0 ? device.server.handle(request) : respond(request, () => ({ rc: 13 }));
      },
    });
    const client = quickClient(link);
    expect(await client.echo('hello')).toEqual({ ok: true, value: 'hello' });
    expect(await client.echo('again')).toEqual({ ok: true, value: 'again' });
    expect(client.version).toBe(1);
    expect(versions).toEqual([1, 0, 0]);
  });

  it('sends the same bytes again when no answer comes, and gives up after its retries', async () => {
    const link = new MemoryLink({ handle: () => undefined });
    const client = quickClient(link, { timeoutMs: 5, retries: 3 });
    expect(await client.echo('anyone?')).toMatchObject({ ok: false, code: 'smp-timeout' });
    expect(link.requests).toHaveLength(4);
    expect(new Set(link.requests.map((bytes) => Buffer.from(bytes).toString('hex'))).size).toBe(1);
  });

  it('asks for a reset once only, even when no answer comes', async () => {
    const link = new MemoryLink({ handle: () => undefined });
    const client = quickClient(link, { timeoutMs: 5, retries: 3 });
    expect(await client.reset()).toMatchObject({ ok: false, code: 'smp-timeout' });
    expect(link.requests).toHaveLength(1);
  });

  it('ignores answers that are late, doubled, or to somebody else', async () => {
    const device = deviceWithImages();
    const link = linkTo(device);
    const client = quickClient(link, { firstSequence: 0 });
    const late = respondTo({ group: 0, command: 0, sequence: 0 }, { r: 'late' });
    expect(await client.echo('first')).toEqual({ ok: true, value: 'first' });
    const pending = client.echo('second');
    link.inject(late);
    link.inject(respondTo({ group: 0, command: 0, sequence: 77 }, { r: 'other sequence' }));
    link.inject(respondTo({ group: 0, command: 6, sequence: 1 }, { r: 'other command' }));
    link.inject(respondTo({ group: 64, command: 0, sequence: 1 }, { r: 'other group' }));
    // A line with echo brings our own request back.
    link.inject(link.requests.at(-1) ?? new Uint8Array(0));
    link.inject(Uint8Array.of(1, 2, 3));
    expect(await pending).toEqual({ ok: true, value: 'second' });
    expect(client.statistics.ignored).toBe(6);
  });

  it('gets every answer through a link that loses, doubles and reorders', async () => {
    const device = deviceWithImages();
    const link = new MemoryLink({
      handle: (request) => device.server.handle(request),
      random: seededRandom(11),
      loss: 0.2,
      duplicate: 0.2,
      reorder: 0.3,
    });
    const client = quickClient(link, { timeoutMs: 15, retries: 20 });
    for (let round = 0; round < 40; round += 1) {
      expect(await client.echo(`round ${round}`)).toEqual({ ok: true, value: `round ${round}` });
    }
    expect(client.statistics.resent).toBeGreaterThan(0);
    expect(client.statistics.ignored).toBeGreaterThan(0);
  });

  it('refuses what is under way, and all that follows, when the connection ends', async () => {
    const link = new MemoryLink({ handle: () => undefined });
    const client = quickClient(link);
    const pending = client.echo('hello');
    link.drop();
    expect(await pending).toMatchObject({ ok: false, code: 'connection-lost' });
    expect(await client.echo('again')).toMatchObject({ ok: false, code: 'connection-lost' });
  });

  it('refuses a request that the connection cannot carry', async () => {
    const link = new MemoryLink({ handle: () => undefined, messageBytesMax: 100 });
    expect(await quickClient(link).echo('x'.repeat(200))).toMatchObject({
      ok: false,
      code: 'smp-request-too-large',
    });
  });
});

function respondTo(
  to: { readonly group: number; readonly command: number; readonly sequence: number },
  body: SmpBody,
): Uint8Array {
  return encodeSmpMessage({ version: 2, op: 'write-response', ...to, body });
}
