import { readFileSync } from 'node:fs';
import {
  createMqttTopics,
  decodeMqttStatus,
  decodeSmpMessage,
  encodeSmpMessage,
  type MqttTopics,
} from '@brickproof/agent';
import {
  MQTT_PREFIX_DEFAULT,
  SmpClient,
  openTarget,
  parseTarget,
  startBoardSession,
  type BoardSession,
  type VirtualBoard,
} from '@brickproof/harness';
import { connectAsync, type MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createMosquitto, type MosquittoBroker } from './mosquitto-broker.js';
import { findPeer } from './peers.js';

const IMAGE = new URL('../../firmware-samples/stm-unequal/good-1.1.0-imgtool.bin', import.meta.url);
const PATIENCE = { timeout: 20_000, interval: 20 };
/** Long enough for a second delivery to have had its effect, if it had one. */
const QUIET_MS = 600;
const PACKET_BYTES = 512;

const mosquitto = findPeer('mosquitto');
const stops: (() => unknown)[] = [];
let broker: MosquittoBroker;

describe('a board behind mosquitto', () => {
  beforeEach(async () => {
    if (mosquitto.isSkipped) return;
    broker = await createMosquitto(mosquitto.command());
    stops.push(() => broker.dispose());
    await broker.start();
  });

  afterEach(async () => {
    // The last started goes first: clients, boards, then the broker.
    for (const stop of stops.splice(0).reverse()) await stop();
  });

  it.skipIf(mosquitto.isSkipped)(
    `is updated and confirms itself by its self-test${mosquitto.titleSuffix}`,
    async () => {
      const { board, target } = await startBoard();
      const image = readImage();
      const client = await openClient(target);
      expect(unwrap(await client.echo('over a broker'))).toBe('over a broker');
      const report = unwrap(await client.imageUpload(image));
      expect(report).toMatchObject({ bytes: image.byteLength, resumedFrom: 0, match: true });

      const staged = unwrap(await client.imageState()).find(({ slot }) => slot === 1);
      expect(staged).toMatchObject({ version: '1.1.0', active: false, pending: false });
      unwrap(await client.imageTest(staged?.hash ?? new Uint8Array(0)));
      unwrap(await client.reset());
      await vi.waitFor(() => {
        expect(board.state).toMatchObject({ version: '1.1.0+0', trial: 'confirmed' });
      }, PATIENCE);

      const after = await openClient(target);
      expect(unwrap(await after.imageState()).find(({ slot }) => slot === 1)).toMatchObject({
        version: '1.1.0',
        active: true,
        confirmed: true,
      });
      expect(board.state).toMatchObject({ activeSlot: 1, bootCount: 2 });
    },
  );

  it.skipIf(mosquitto.isSkipped)(
    `has a retained status, which its last will turns to offline${mosquitto.titleSuffix}`,
    async () => {
      const { board, topics } = await startBoard();
      await vi.waitFor(async () => {
        expect(await retainedStatus(topics)).toEqual({ state: 'online', version: '1.0.0+0' });
      }, PATIENCE);
      board.powerOff();
      await vi.waitFor(async () => {
        expect(await retainedStatus(topics)).toEqual({ state: 'offline', version: '1.0.0+0' });
      }, PATIENCE);
    },
  );

  it.skipIf(mosquitto.isSkipped)(
    `takes an upload in one go though the broker is killed in its middle${mosquitto.titleSuffix}`,
    async () => {
      const { board, target } = await startBoard();
      const image = readImage();
      const killAtBytes = image.byteLength / 2;
      const client = await openClient(target);
      let restarted: Promise<void> | undefined;
      const uploaded = await client.imageUpload(image, {
        onProgress: ({ sentBytes }) => {
          if (sentBytes >= killAtBytes) restarted ??= broker.kill().then(() => broker.start());
        },
      });
      await restarted;
      expect(restarted).toBeDefined();
      const report = unwrap(uploaded);
      expect(report).toMatchObject({ bytes: image.byteLength, resumedFrom: 0, match: true });
      expect(board.state).toMatchObject({ power: 'running', version: '1.0.0+0', bootCount: 1 });
      const staged = unwrap(await client.imageState()).find(({ slot }) => slot === 1);
      expect(staged).toMatchObject({ version: '1.1.0' });
      // What the two halves made is what was sent: the device finds it worth a trial.
      unwrap(await client.imageTest(staged?.hash ?? new Uint8Array(0)));
    },
  );

  it.skipIf(mosquitto.isSkipped)(
    `does a write once that is delivered twice${mosquitto.titleSuffix}`,
    async () => {
      const { topics } = await startBoard();
      await waitUntilOnline(topics);
      const sender = await connectRaw();
      const answers = await receive(sender, topics.response('twice'));
      // Done again, the first packet would send the upload back to its start: it names no SHA-256.
      for (const packet of [0, 1, 0, 2]) {
        await publish(sender, topics.request('twice'), uploadPacket(packet));
      }
      await vi.waitFor(() => {
        expect(answers).toHaveLength(4);
      }, PATIENCE);
      expect(answers[2]).toEqual(answers[0]);
      expect(answers.map(offsetOf)).toEqual([1, 2, 1, 3].map((packet) => packet * PACKET_BYTES));
    },
  );

  it.skipIf(mosquitto.isSkipped)(
    `resets once when the reset is delivered again after it${mosquitto.titleSuffix}`,
    async () => {
      const { board, topics } = await startBoard();
      await waitUntilOnline(topics);
      const sender = await connectRaw();
      const answers = await receive(sender, topics.response('again'));
      await publish(sender, topics.request('again'), resetRequest());
      await vi.waitFor(() => {
        expect(board.state).toMatchObject({ bootCount: 2, power: 'running' });
      }, PATIENCE);
      await waitUntilOnline(topics);
      await publish(sender, topics.request('again'), resetRequest());
      await vi.waitFor(() => {
        expect(answers).toHaveLength(2);
      }, PATIENCE);
      await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
      expect(board.state).toMatchObject({ bootCount: 2, resetCause: 'software' });
    },
  );
});

interface StartedBoard {
  readonly board: VirtualBoard;
  readonly target: string;
  readonly topics: MqttTopics;
}

async function startBoard(): Promise<StartedBoard> {
  const session: BoardSession = unwrap(
    await startBoardSession({
      model: 'stm-unequal',
      strategy: 'direct-xip',
      count: 1,
      seed: 7,
      keyPaths: [],
      pty: false,
      mqttUrl: broker.url,
      confirmBy: 'self-test',
      agentVerifies: true,
    }),
  );
  stops.push(() => {
    session.stop();
  });
  const served = session.boards[0];
  const target = served?.targets[0];
  if (served === undefined || target === undefined) throw new Error('no board was started');
  const { board } = served;
  const topics = unwrap(createMqttTopics({ prefix: MQTT_PREFIX_DEFAULT, device: board.deviceId }));
  return { board, target, topics };
}

async function openClient(target: string): Promise<SmpClient> {
  const connection = unwrap(await openTarget(unwrap(parseTarget(target))));
  const client = new SmpClient(connection);
  stops.push(() => client.close());
  return client;
}

async function connectRaw(): Promise<MqttClient> {
  const client = await connectAsync(broker.url, { reconnectPeriod: 0 });
  client.on('error', () => undefined);
  stops.push(() => client.endAsync(true));
  return client;
}

async function receive(client: MqttClient, topic: string): Promise<Uint8Array[]> {
  const payloads: Uint8Array[] = [];
  client.on('message', (_topic, payload) => payloads.push(Uint8Array.from(payload)));
  await client.subscribeAsync(topic, { qos: 1 });
  return payloads;
}

/** What the broker tells someone who comes now. */
async function retainedStatus(topics: MqttTopics): Promise<unknown> {
  const client = await connectAsync(broker.url, { reconnectPeriod: 0 });
  try {
    const payloads = await receive(client, topics.status);
    await vi.waitFor(() => {
      expect(payloads).not.toHaveLength(0);
    }, PATIENCE);
    return unwrap(decodeMqttStatus(payloads[0] ?? new Uint8Array(0)));
  } finally {
    await client.endAsync(true);
  }
}

async function waitUntilOnline(topics: MqttTopics): Promise<void> {
  await vi.waitFor(async () => {
    expect(await retainedStatus(topics)).toMatchObject({ state: 'online' });
  }, PATIENCE);
}

/** A request that is published twice is what a lost acknowledgement makes of it: no dup flag. */
async function publish(client: MqttClient, topic: string, payload: Uint8Array): Promise<void> {
  await client.publishAsync(topic, Buffer.from(payload), { qos: 1 });
}

/** A part of an upload; the same number gives the same bytes. */
function uploadPacket(index: number): Uint8Array {
  const image = readImage();
  const off = index * PACKET_BYTES;
  const data = image.subarray(off, off + PACKET_BYTES);
  return encodeSmpMessage({
    version: 2,
    op: 'write',
    group: 1,
    command: 1,
    sequence: index,
    body: off === 0 ? { off, len: image.byteLength, data } : { off, data },
  });
}

function offsetOf(answer: Uint8Array): unknown {
  return unwrap(decodeSmpMessage(answer)).body['off'];
}

function resetRequest(): Uint8Array {
  return encodeSmpMessage({
    version: 2,
    op: 'write',
    group: 0,
    command: 5,
    sequence: 3,
    body: {},
  });
}

function readImage(): Uint8Array {
  return Uint8Array.from(readFileSync(IMAGE));
}

function unwrap<T>(
  verdict:
    { readonly ok: true; readonly value: T } | { readonly ok: false; readonly detail: string },
): T {
  if (!verdict.ok) throw new Error(verdict.detail);
  return verdict.value;
}
