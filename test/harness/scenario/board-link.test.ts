import { existsSync } from 'node:fs';
import { connect, type MqttClient } from 'mqtt';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  createHostCrypto,
  DEVICE_MODELS,
  openBoardLink,
  openTarget,
  parseTarget,
  provisionFlash,
  startBrokerProxy,
  startEmbeddedBroker,
  VirtualBoard,
} from '@brickproof/harness';
import type { BoardLink, SmpConnection } from '@brickproof/harness';

const links: BoardLink[] = [];

afterEach(async () => {
  for (const link of links.splice(0)) await link.close();
});

/** A board without an image: links do not care what runs. */
function board(): VirtualBoard {
  const model = DEVICE_MODELS['nrf-equal'];
  const flash = provisionFlash(model, new Uint8Array(64));
  if (!flash.ok) throw new Error(flash.detail);
  const crypto = createHostCrypto();
  return new VirtualBoard({
    model,
    strategy: 'direct-xip',
    keys: [],
    crypto,
    flash: flash.value,
    seed: 1,
  });
}

async function open(kind: 'serial' | 'tcp' | 'mqtt', on: VirtualBoard): Promise<BoardLink> {
  const link = await openBoardLink(kind, on);
  if (!link.ok) throw new Error(link.detail);
  links.push(link.value);
  return link.value;
}

async function reach(target: string): Promise<SmpConnection | string> {
  const spec = parseTarget(target);
  if (!spec.ok) throw new Error(spec.detail);
  const opened = await openTarget(spec.value, { connectTimeoutMs: 1_000 });
  return opened.ok ? opened.value : opened.code;
}

/** A client that is refused says so beside: that must not end the test. */
function told(client: MqttClient, event: 'connect' | 'close'): Promise<void> {
  client.on('error', () => undefined);
  return new Promise((resolve) => {
    client.once(event, () => {
      resolve();
    });
  });
}

describe('a link to a virtual board', () => {
  it('over a serial port takes the port away, and brings a new one', async () => {
    const link = await open('serial', board());
    const path = link.target.replace('serial:', '');
    const connection = await reach(link.target);
    if (typeof connection === 'string') throw new Error(connection);
    expect(existsSync(path)).toBe(true);
    link.down();
    await vi.waitFor(
      () => {
        // A port may come back under its name: the connection waits for that, or ends.
        expect(connection.closed !== undefined || connection.isInterrupted === true).toBe(true);
      },
      { timeout: 5_000 },
    );
    await connection.close();
    expect(await reach(`serial:${path}`)).toBe('target-not-found');
    expect((await link.up()).ok).toBe(true);
    const again = await reach(link.target);
    if (typeof again === 'string') throw new Error(again);
    await again.close();
  });

  it('over TCP closes the port, and opens another', async () => {
    const link = await open('tcp', board());
    const connection = await reach(link.target);
    if (typeof connection === 'string') throw new Error(connection);
    const gone = link.target;
    link.down();
    await vi.waitFor(() => {
      expect(connection.closed?.code).toBe('connection-lost');
    });
    expect(await reach(gone)).toBe('target-unreachable');
    await link.up();
    const again = await reach(link.target);
    if (typeof again === 'string') throw new Error(again);
    await again.close();
  });

  it('over a broker is cut and restored, at one and the same target', async () => {
    const link = await open('mqtt', board());
    const { target } = link;
    link.down();
    expect(link.isUp).toBe(false);
    await link.up();
    expect(link.isUp).toBe(true);
    expect(link.target).toBe(target);
  });
});

describe('a proxy before a broker', () => {
  it('ends every connection when it is cut, and lets none through until it is restored', async () => {
    const broker = await startEmbeddedBroker();
    const proxy = await startBrokerProxy(broker.port);
    const client = connect(proxy.url, { reconnectPeriod: 0 });
    await told(client, 'connect');
    const closed = told(client, 'close');
    proxy.cut();
    await closed;
    const refused = connect(proxy.url, { reconnectPeriod: 0 });
    await told(refused, 'close');
    expect(refused.connected).toBe(false);
    proxy.restore();
    const again = connect(proxy.url, { reconnectPeriod: 0 });
    await told(again, 'connect');
    for (const one of [client, refused, again]) one.end(true);
    await proxy.close();
    await broker.close();
  });
});
