import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Agent } from '@brickproof/agent';
import { UdpServer } from '@brickproof/agent/node';
import { afterEach, describe, expect, it } from 'vitest';
import { HASH_ONLY, TestDevice } from '../agent/test-device.js';
import { findPeer } from './peers.js';
import { startUpdateScript } from './smpclient-script.js';

/** The answer to the reset leaves before it is done. */
const RESET_DELAY_MS = 50;

const python = findPeer('smpclient');
const stops: (() => unknown)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** A device whose bootloader tries whatever was uploaded: each reset boots the other slot. */
class UdpDevice {
  boots = 0;
  readonly #device = new TestDevice({ slotRuns: [{ count: 118, sizeBytes: 4096 }] });
  #server: UdpServer | undefined;

  constructor(running: Uint8Array) {
    this.#device.program(0, { bytes: running, hash: running, sha: running });
  }

  async boot(port = 0): Promise<number> {
    await this.#server?.stop();
    this.boots += 1;
    this.#device.restart(this.boots === 1 ? 0 : 1);
    return new Promise((resolve) => {
      this.#server = new UdpServer({
        port,
        link: this.#startAgent(() => void this.boot(bound)).datagramLink(),
        listener: {
          opened: (place) => {
            bound = place.port;
            resolve(bound);
          },
        },
      });
      let bound = port;
      this.#server.start();
    });
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
  }

  #startAgent(reset: () => void): Agent {
    const { bootControl, store } = this.#device;
    const none = 'none';
    return new Agent({
      bootControl,
      store,
      crypto: HASH_ONLY,
      clock: { nowMs: () => performance.now() },
      system: {
        info: {
          ...{ kernelName: none, nodeName: none, kernelRelease: none, kernelVersion: none },
          ...{ buildDateTime: none, machine: none, processor: none, hardwarePlatform: none },
          operatingSystem: none,
        },
        requestReset: () => {
          setTimeout(reset, RESET_DELAY_MS);
        },
      },
      selfTest: () => 'running',
      connectivity: () => 'not-needed',
      log: () => undefined,
      bufferSizeBytes: 2048,
      bufferCount: 4,
    });
  }
}

describe('smpclient over UDP', () => {
  it.skipIf(python.isSkipped)(
    `updates a device, resets it, and confirms the new image${python.titleSuffix}`,
    async () => {
      const device = new UdpDevice(readFileSync(sample('good-1.0.0-imgtool.bin')));
      stops.push(() => device.stop());
      const port = await device.boot();
      const script = startUpdateScript(python.command(), [
        'confirm',
        `udp:127.0.0.1:${port}`,
        sample('good-1.1.0-imgtool.bin'),
      ]);
      stops.push(script.stop);
      const { problem, steps } = await script.run;
      expect(problem).toBe('');
      expect(steps.get('upload')).toMatchObject({ rising: true });
      expect(steps.get('test')).toMatchObject({
        images: [{ slot: 0 }, { slot: 1, version: '1.1.0', pending: true }],
      });
      expect(steps.get('confirmed')).toMatchObject({
        images: [
          { slot: 0, version: '1.0.0', active: false },
          { slot: 1, version: '1.1.0', active: true, confirmed: true },
        ],
      });
      expect(device.boots).toBe(2);
    },
  );
});

function sample(name: string): string {
  return fileURLToPath(new URL(`../../firmware-samples/nrf-equal/${name}`, import.meta.url));
}
