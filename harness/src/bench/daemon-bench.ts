import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { generateKeyPairSync } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { encodeSmpMessage } from '@brickproof/agent';
import type { SigningKey } from '@brickproof/bootloader-sim';
import { openPty } from '../board/pty.js';
import { SmpClient } from '../client/smp-client.js';
import { openTarget } from '../target/open-target.js';
import { parseTarget } from '../target/target.js';
import { benchImage, benchSigningKey, must } from './bench-image.js';
import { BenchDevice, bareNodeMb } from './daemon-process.js';
import type { ProcessMeter } from './daemon-process.js';
import { figure, goal, median, type Goal } from './goal.js';

const MIB = 1024 * 1024;
const BYTES_PER_MB = 1e6;
const MS_PER_SECOND = 1_000;
const PERCENT = 100;

const IMAGE_MIB = 16;
const GROWTH_MIB = [1, 4, 16, 64] as const;
const RATE_RUNS = 3;
const STARTS = 7;
const IDLE_MS = 20_000;
const ASK_INTERVAL_MS = 2;

const GOAL_MEMORY_MB = 30;
/** A buffer that held the image would take 60. */
const GOAL_GROWTH_MB = 10;
const GOAL_START_MS = 400;
const GOAL_IDLE_PERCENT = 0.2;
const GOAL_MB_PER_SECOND = 20;

/** Measures the daemon as it is installed: one file, in a process of its own. */
export async function benchDaemon(say: (line: string) => void): Promise<readonly Goal[]> {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const bench = new DaemonBench({ publicKey, signingKey: benchSigningKey(privateKey) });
  say('daemon: starts ...');
  const start = await bench.start();
  say(`daemon: idle for ${IDLE_MS / MS_PER_SECOND} s ...`);
  const idle = await bench.idle();
  say('daemon: updates over MQTT ...');
  const mqtt = await bench.mqtt();
  say('daemon: an update over serial ...');
  const serial = await bench.serial();
  return [...start, ...idle, ...mqtt, ...serial];
}

interface BenchKeys {
  readonly publicKey: ConstructorParameters<typeof BenchDevice>[0]['publicKey'];
  readonly signingKey: SigningKey;
}

interface UpdateFigures {
  readonly mbPerSecond: number;
  readonly peakMb: number;
}

class DaemonBench {
  readonly #keys: BenchKeys;
  #bareMb: number | undefined;

  constructor(keys: BenchKeys) {
    this.#keys = keys;
  }

  async start(): Promise<readonly Goal[]> {
    const times: number[] = [];
    await this.#withDevice('udp: { port: 13370 }', 1, async (device) => {
      for (let run = 0; run < STARTS; run += 1) {
        times.push(await firstAnswerMs(device, 13_370));
        await device.stop();
      }
    });
    return [
      goal({
        name: 'daemon: start to first answer',
        measured: median(times),
        unit: 'ms',
        bound: 'at-most',
        limit: GOAL_START_MS,
        note: `median of ${STARTS}, the slowest ${Math.max(...times).toFixed(0)}; from spawn to an SMP answer over UDP`,
      }),
    ];
  }

  async idle(): Promise<readonly Goal[]> {
    return withBroker(async (brokerUrl) => {
      const pty = await openPty();
      const links = `udp: { port: 0 }\n  mqtt: { url: '${brokerUrl}' }\n  serial: { path: '${pty.path}' }`;
      const percent = await this.#withDevice(links, 1, async (device) => {
        const meter = device.launch();
        await device.says(/MQTT: connected/);
        await sleep(MS_PER_SECOND);
        const before = meter.cpuMs();
        await sleep(IDLE_MS);
        return ((meter.cpuMs() - before) / IDLE_MS) * PERCENT;
      });
      pty.close();
      return [
        goal({
          name: 'daemon: idle CPU',
          measured: percent,
          unit: '%',
          bound: 'at-most',
          limit: GOAL_IDLE_PERCENT,
          note: `of one core over ${IDLE_MS / MS_PER_SECOND} s, with serial, MQTT and UDP open`,
        }),
      ];
    });
  }

  async mqtt(): Promise<readonly Goal[]> {
    return withBroker(async (brokerUrl) => {
      const links = `mqtt: { url: '${brokerUrl}' }`;
      const target = `${brokerUrl}/bench`;
      const growth: { readonly mib: number; readonly peakMb: number }[] = [];
      const rates: number[] = [];
      for (const mib of GROWTH_MIB) {
        const runs = mib === IMAGE_MIB ? RATE_RUNS : 1;
        for (let run = 0; run < runs; run += 1) {
          const update = await this.#update({ links, mib, ready: /MQTT: connected/, target });
          if (mib === IMAGE_MIB) rates.push(update.mbPerSecond);
          if (run === 0) growth.push({ mib, peakMb: update.peakMb });
        }
      }
      const bareMb = await this.#bare();
      const peaks = growth.map(({ mib, peakMb }) => `${mib} MiB ${(peakMb - bareMb).toFixed(1)}`);
      const peakOf = (mib: number): number =>
        growth.find((one) => one.mib === mib)?.peakMb ?? Number.NaN;
      return [
        goal({
          name: `daemon: ${IMAGE_MIB} MiB update over MQTT`,
          measured: median(rates),
          unit: 'MB/s',
          bound: 'at-least',
          limit: GOAL_MB_PER_SECOND,
          note: `median of ${RATE_RUNS}; upload, read-back and signature; broker and client in processes of their own`,
        }),
        this.#memoryGoal('MQTT', peakOf(IMAGE_MIB), bareMb),
        goal({
          name: 'daemon: growth of memory from 4 to 64 MiB',
          measured: peakOf(64) - peakOf(4),
          unit: 'MB',
          bound: 'at-most',
          limit: GOAL_GROWTH_MB,
          note: `above bare Node at its peak: ${peaks.join(', ')}`,
        }),
      ];
    });
  }

  async serial(): Promise<readonly Goal[]> {
    const near = await openPty();
    const far = await openPty();
    // Two ptys back to back are a wire: the daemon has one end, the client the other.
    near.onData((bytes) => {
      far.write(Uint8Array.from(bytes));
    });
    far.onData((bytes) => {
      near.write(Uint8Array.from(bytes));
    });
    try {
      const update = await this.#update({
        links: `serial: { path: '${near.path}', baud: 3000000 }`,
        mib: IMAGE_MIB,
        ready: /Serial: open/,
        target: `serial:${far.path}?baud=3000000`,
      });
      return [
        this.#memoryGoal('serial', update.peakMb, await this.#bare()),
        figure({
          name: `daemon: ${IMAGE_MIB} MiB update over serial`,
          measured: update.mbPerSecond,
          unit: 'MB/s',
          note: 'two ptys back to back, unpaced; wire and client share a process',
        }),
      ];
    } finally {
      near.close();
      far.close();
    }
  }

  #memoryGoal(link: string, peakMb: number, bareMb: number): Goal {
    return goal({
      name: `daemon: memory in a ${IMAGE_MIB} MiB update over ${link}`,
      measured: peakMb - bareMb,
      unit: 'MB',
      bound: 'at-most',
      limit: GOAL_MEMORY_MB,
      note: `resident at its peak, above a bare Node process of ${bareMb.toFixed(1)} MB`,
    });
  }

  async #bare(): Promise<number> {
    this.#bareMb ??= await bareNodeMb();
    return this.#bareMb;
  }

  async #update(options: {
    readonly links: string;
    readonly mib: number;
    readonly ready: RegExp;
    readonly target: string;
  }): Promise<UpdateFigures> {
    const image = benchImage({
      payloadBytes: options.mib * MIB,
      minor: 1,
      signingKey: this.#keys.signingKey,
    });
    return this.#withDevice(options.links, options.mib * 2, async (device) => {
      const meter = device.launch();
      await device.says(options.ready);
      return updateOnce(image, meter, options.target);
    });
  }

  async #withDevice<T>(
    links: string,
    slotMib: number,
    use: (device: BenchDevice) => Promise<T>,
  ): Promise<T> {
    const { publicKey, signingKey } = this.#keys;
    const device = new BenchDevice({ publicKey, links, slotSize: `${slotMib}MiB` });
    try {
      await device.provision(benchImage({ payloadBytes: MIB / 4, minor: 0, signingKey }));
      return await use(device);
    } finally {
      await device.dispose();
    }
  }
}

async function updateOnce(
  image: Uint8Array,
  meter: ProcessMeter,
  target: string,
): Promise<UpdateFigures> {
  const client = new SmpClient(must(await openTarget(must(parseTarget(target)))));
  try {
    must(await client.echo('ready'));
    meter.startPeak();
    const startedMs = performance.now();
    const report = must(await client.imageUpload(image));
    if (report.resumedFrom !== 0 || report.match !== true) throw new Error('not a whole upload');
    const staged = must(await client.imageState()).find(({ active }) => !active);
    must(await client.imageTest(staged?.hash ?? new Uint8Array(0)));
    const seconds = (performance.now() - startedMs) / MS_PER_SECOND;
    return { mbPerSecond: image.byteLength / BYTES_PER_MB / seconds, peakMb: meter.stopPeak() };
  } finally {
    await client.close();
  }
}

/** From the spawn to the first answer; asked every few milliseconds, until there is one. */
async function firstAnswerMs(device: BenchDevice, port: number): Promise<number> {
  const socket = createSocket('udp4');
  const request = encodeSmpMessage({
    version: 2,
    op: 'read',
    group: 0,
    command: 6,
    sequence: 1,
    body: {},
  });
  const answered = new Promise<number>((resolve) => {
    socket.once('message', () => {
      resolve(performance.now());
    });
  });
  // Nobody listens yet: that is what is measured.
  socket.on('error', () => undefined);
  const startedMs = performance.now();
  device.launch();
  const asking = setInterval(() => {
    socket.send(request, port, '127.0.0.1');
  }, ASK_INTERVAL_MS);
  const answeredMs = await answered;
  clearInterval(asking);
  socket.close();
  return answeredMs - startedMs;
}

async function withBroker<T>(use: (url: string) => Promise<T>): Promise<T> {
  const script = fileURLToPath(new URL('broker-process.js', import.meta.url));
  const broker = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    const port = await new Promise<string>((resolve) => {
      broker.stdout.once('data', (bytes: Buffer) => {
        resolve(bytes.toString().trim());
      });
    });
    return await use(`mqtt://127.0.0.1:${port}`);
  } finally {
    broker.kill();
  }
}
