import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  SerialDeframer,
  SerialLink,
  decodeSmpHeader,
  encodeSerialFrames,
  encodeSmpMessage,
} from '@brickproof/agent';
import type { SmpBody } from '@brickproof/agent';
import { findPortHolder, openTarget, parseTarget, SmpClient } from '@brickproof/harness';
import type { Pty, SmpClientOptions, SmpConnection, TargetRejectCode } from '@brickproof/harness';
import type { Verdict } from '@brickproof/bootloader-sim';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PacedLine } from '../../../harness/src/bench/paced-line.js';
import { TestDevice, buildTestImage } from '../../agent/test-device.js';
import { PortLink } from '../../port-link.js';
import { seededRandom } from '../client/memory-link.js';

const WAIT = { timeout: 10_000, interval: 10 } as const;
const RUNNING = buildTestImage('1.0.0', 600);
const NEXT = buildTestImage('1.1.0', 40_000);
const BUFFER_BYTES = 1024;

const cleanups: (() => unknown)[] = [];
let port: PortLink;
let target: TestDevice;
let interruptions: string[] = [];
let text = '';

beforeEach(() => {
  port = new PortLink();
  target = device(BUFFER_BYTES);
  interruptions = [];
  text = '';
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  port.close();
});

function device(bufferSizeBytes: number): TestDevice {
  const slotRuns = [{ count: 16, sizeBytes: 4096 }];
  return new TestDevice({ slotRuns, bufferSizeBytes }).program(0, RUNNING);
}

/** Puts the device behind the port; what is sent can be tampered with. */
function serve(
  pty: Pty,
  send: (answer: Uint8Array) => void = (answer) => {
    pty.write(answer);
  },
): void {
  const link = new SerialLink({
    handle: (request) => target.server.handle(request),
    maxMessageBytes: BUFFER_BYTES,
  });
  pty.onData((bytes) => {
    for (const answer of link.receive(bytes).answers) send(answer);
  });
}

async function plugIn(): Promise<Pty> {
  const pty = await port.plugIn();
  serve(pty);
  return pty;
}

function open(options = ''): Promise<Verdict<SmpConnection, TargetRejectCode>> {
  const spec = parseTarget(`serial:${port.path}${options}`);
  if (!spec.ok) throw new Error(spec.detail);
  return openTarget(spec.value);
}

async function connect(options = ''): Promise<SmpConnection> {
  const opened = await open(options);
  if (!opened.ok) throw new Error(opened.detail);
  cleanups.push(() => opened.value.close());
  return opened.value;
}

async function connectClient(options = '', choices: SmpClientOptions = {}): Promise<SmpClient> {
  return new SmpClient(await connect(options), {
    onInterruption: (what) => interruptions.push(what),
    onConsole: (bytes) => (text += Buffer.from(bytes).toString('latin1')),
    ...choices,
  });
}

function holdsImage(): boolean {
  return Buffer.from(target.slotBytes(1)).subarray(0, NEXT.bytes.byteLength).equals(NEXT.bytes);
}

/** Calls back once, when an upload has come so far. */
function at(bytes: number, run: () => void): (progress: { readonly sentBytes: number }) => void {
  let isDone = false;
  return ({ sentBytes }) => {
    if (isDone || sentBytes < bytes) return;
    isDone = true;
    run();
  };
}

describe('a serial port that is unplugged', () => {
  it.each([
    ['the same device', (): void => undefined],
    ['a device that has restarted', (): void => void target.restart()],
  ])('goes on with an upload when it is plugged in again, with %s', async (_, meanwhile) => {
    await plugIn();
    const client = await connectClient();
    const uploaded = await client.imageUpload(NEXT.bytes, {
      onProgress: at(10_000, () => {
        port.unplug();
        void sleep(300).then(() => {
          meanwhile();
          return plugIn();
        });
      }),
    });
    expect(uploaded).toMatchObject({ ok: true });
    expect(holdsImage()).toBe(true);
    expect(interruptions).toEqual(['interrupted', 'resumed']);
  });

  it('goes on when the path suddenly leads to another device', async () => {
    await plugIn();
    const client = await connectClient('', { timeoutMs: 200, retries: 20 });
    const old = port.pty;
    await plugIn();
    await expect.poll(() => interruptions, WAIT).toEqual(['interrupted', 'resumed']);
    old.close();
    expect(await client.echo('here')).toEqual({ ok: true, value: 'here' });
  });

  it('answers a request that was sent while it was away, however impatient', async () => {
    await plugIn();
    const client = await connectClient('', { timeoutMs: 40, retries: 1 });
    port.unplug();
    await expect.poll(() => interruptions, WAIT).toEqual(['interrupted']);
    const answer = client.echo('hello');
    await sleep(400);
    await plugIn();
    expect(await answer).toEqual({ ok: true, value: 'hello' });
  });

  it('forgets the half frame that had arrived', async () => {
    const pty = await plugIn();
    const client = await connectClient();
    pty.write(encodeSerialFrames(new Uint8Array(300)).subarray(0, 150));
    await sleep(50);
    port.unplug();
    await expect.poll(() => interruptions, WAIT).toEqual(['interrupted']);
    const next = await plugIn();
    await expect.poll(() => interruptions.length, WAIT).toBe(2);
    next.write(Buffer.from('boot\n'));
    expect(await client.echo('again')).toEqual({ ok: true, value: 'again' });
    expect(text).toBe('boot\n');
  });

  it('does not ask again for a reset when the port went because of it', async () => {
    const pty = await port.plugIn();
    serve(pty, () => {
      port.unplug();
      void plugIn();
    });
    const client = await connectClient('', { timeoutMs: 500 });
    expect(await client.reset()).toMatchObject({ ok: false, code: 'smp-timeout' });
    expect(interruptions).toEqual(['interrupted', 'resumed']);
    expect(await client.echo('up')).toEqual({ ok: true, value: 'up' });
    expect(target.resets).toHaveLength(1);
  });

  it.each([
    ['after the time that the target names', '?reconnect=400ms', 'was not back within 400ms'],
    ['at once where the target says so', '?reconnect=0ms', 'vanished; plug it in again'],
  ])('is given up %s', async (_, options, sentence) => {
    await plugIn();
    const connection = await connect(options);
    const client = new SmpClient(connection, { timeoutMs: 60_000 });
    port.unplug();
    expect(await client.echo('hello')).toMatchObject({ ok: false, code: 'connection-lost' });
    expect(connection.closed?.detail).toContain(sentence);
    expect(connection.closed?.detail).toContain(port.path);
    expect(await client.echo('hello')).toMatchObject({ ok: false, code: 'connection-lost' });
  });

  it('stops an upload with a code when it does not come back', async () => {
    await plugIn();
    const client = await connectClient('?reconnect=300ms');
    const uploaded = await client.imageUpload(NEXT.bytes, {
      onProgress: at(10_000, () => {
        port.unplug();
      }),
    });
    expect(uploaded).toMatchObject({ ok: false, code: 'connection-lost' });
  });

  it('is given up when it comes back for moments only', async () => {
    const loose = await port.plugIn();
    const connection = await connect('?reconnect=1s');
    const client = new SmpClient(connection, {
      onInterruption: (what) => interruptions.push(what),
    });
    const answer = client.echo('hello');
    loose.close();
    while (connection.closed === undefined) {
      const pty = await port.plugIn();
      await sleep(150);
      pty.close();
    }
    expect(await answer).toMatchObject({ ok: false, code: 'connection-lost' });
    expect(interruptions.length).toBeGreaterThan(2);
  });

  it('can be closed while it is away', async () => {
    await plugIn();
    const client = await connectClient();
    port.unplug();
    await expect.poll(() => interruptions, WAIT).toEqual(['interrupted']);
    await client.close();
    const pty = await plugIn();
    await sleep(300);
    expect(findPortHolder(pty.path)).toBeUndefined();
    expect(interruptions).toEqual(['interrupted']);
  });
});

/** A process that has no part in the ptys of this one; it opens the port when it is told to. */
interface OtherProgram {
  readonly pid: number;
  open(path: string): Promise<void>;
  end(): void;
}

function startOtherProgram(how: 'locks' | 'does not lock'): OtherProgram {
  const lock = how === 'locks' ? 'flock -n 9;' : '';
  const script = `read path; exec 9<>"$path"; ${lock} echo ready; read end`;
  const child = spawn('sh', ['-c', script], { stdio: ['pipe', 'pipe', 'ignore'] });
  cleanups.push(() => child.kill('SIGKILL'));
  return {
    pid: child.pid ?? 0,
    open: async (path) => {
      child.stdin.write(`${path}\n`);
      await once(child.stdout, 'data');
    },
    end: () => {
      child.kill('SIGKILL');
    },
  };
}

describe('a serial port that another program has', () => {
  it.each(['locks', 'does not lock'] as const)(
    'is refused with the name of a program that %s it',
    async (how) => {
      const other = startOtherProgram(how);
      await plugIn();
      await other.open(port.path);
      const refused = await open();
      expect(refused).toMatchObject({ ok: false, code: 'target-busy' });
      expect(refused).toHaveProperty(
        'detail',
        `${port.path} is in use by sh (process ${other.pid}); end it and try again`,
      );
    },
  );

  it('is opened when that program is done in a moment, as a modem probe is', async () => {
    const other = startOtherProgram('locks');
    await plugIn();
    await other.open(port.path);
    const opening = connectClient();
    await sleep(200);
    other.end();
    expect(await (await opening).echo('free')).toEqual({ ok: true, value: 'free' });
  });

  it('is waited for when it comes back with that program on it', async () => {
    const other = startOtherProgram('locks');
    await plugIn();
    const client = await connectClient('', { timeoutMs: 100, retries: 1 });
    port.unplug();
    await expect.poll(() => interruptions, WAIT).toEqual(['interrupted']);
    const pty = await port.plugIn();
    await other.open(pty.path);
    serve(pty);
    const answer = client.echo('hello');
    await sleep(500);
    other.end();
    expect(await answer).toEqual({ ok: true, value: 'hello' });
  });

  it('is refused while we have it ourselves', async () => {
    await plugIn();
    await connect();
    expect(await open()).toMatchObject({ ok: false, code: 'target-busy' });
  });
});

describe('a serial line that is not clean', () => {
  it.each([1, 2, 7, 30, 126, 140])(
    'gets its answer after a peer that resets %i bytes into a frame',
    async (count) => {
      const pty = await port.plugIn();
      let isFirst = true;
      serve(pty, (answer) => {
        pty.write(isFirst ? answer.subarray(0, count) : answer);
        if (isFirst) pty.write(Buffer.from('*** Booting ***\r\n'));
        isFirst = false;
      });
      const client = await connectClient('', { timeoutMs: 150 });
      const long = 'x'.repeat(200);
      expect(await client.echo(long)).toEqual({ ok: true, value: long });
      expect(client.statistics.resent).toBe(1);
    },
  );

  it('carries an upload through garbage and console text, between frames and inside', async () => {
    const pty = await port.plugIn();
    const random = seededRandom(20);
    const noise = (): Uint8Array =>
      random() < 0.5
        ? Buffer.from('[00:00:01] <inf> app: tick\r\n')
        : Uint8Array.from({ length: 40 }, () => Math.floor(random() * 256));
    serve(pty, (answer) => {
      pty.write(noise());
      const cut = Math.floor(random() * answer.byteLength);
      const isInside = random() < 0.2;
      pty.write(answer.subarray(0, cut));
      if (isInside) pty.write(noise());
      pty.write(answer.subarray(cut));
      // A frame can only begin on a line of its own.
      pty.write(Buffer.from('\n'));
    });
    const client = await connectClient('', { timeoutMs: 100 });
    const uploaded = await client.imageUpload(NEXT.bytes);
    expect(uploaded).toMatchObject({ ok: true });
    expect(holdsImage()).toBe(true);
  });

  it('answers in a flood of console text, in bounded memory', { timeout: 60_000 }, async () => {
    const floodBytes = 16 * MIB;
    const growthMaxBytes = 6 * MIB;
    const outstandingMaxBytes = 48 * 1024;
    const line = Buffer.from(`${'The quick brown fox jumps over the lazy dog. '.repeat(90)}\r\n`);
    const pty = await plugIn();
    let sentBytes = 0;
    let heardBytes = 0;
    const kept: number[] = [];
    const pour = (): void => {
      while (sentBytes < floodBytes && sentBytes - heardBytes < outstandingMaxBytes) {
        pty.write(line);
        sentBytes += line.byteLength;
      }
    };
    const client = await connectClient('', {
      onConsole: (bytes) => {
        heardBytes += bytes.byteLength;
        if (heardBytes > kept.length * 2 * MIB) kept.push(keptBytes());
        pour();
      },
    });
    pour();
    let answered = 0;
    while (heardBytes < floodBytes / 2) {
      expect(await client.echo('in the flood')).toEqual({ ok: true, value: 'in the flood' });
      answered += 1;
    }
    expect(await client.imageUpload(NEXT.bytes)).toMatchObject({ ok: true });
    await expect.poll(() => heardBytes >= floodBytes, { timeout: 30_000 }).toBe(true);
    expect(answered).toBeGreaterThan(5);
    expect(kept.length).toBeGreaterThanOrEqual(8);
    expect(Math.max(...kept) - (kept[0] ?? 0)).toBeLessThan(growthMaxBytes);
  });
});

const MIB = 1024 * 1024;

setFlagsFromString('--expose-gc');
const collectGarbage: unknown = runInNewContext('gc');

/** What this process keeps, its garbage aside. */
function keptBytes(): number {
  if (typeof collectGarbage !== 'function') throw new Error('this Node cannot collect garbage');
  Reflect.apply(collectGarbage, undefined, []);
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

describe('a serial line of some speed', () => {
  /** The device at the far end of a line that takes its time. */
  function servePaced(pty: Pty, bytesPerSecond: number): void {
    const link = new SerialLink({
      handle: (request) => target.server.handle(request),
      maxMessageBytes: BUFFER_BYTES,
    });
    const line: PacedLine = new PacedLine({
      bytesPerSecond,
      toDevice: (bytes) => {
        for (const answer of link.receive(bytes).answers) line.sendToHost(answer);
      },
      toHost: (bytes) => {
        pty.write(bytes);
      },
    });
    cleanups.push(() => {
      line.close();
    });
    pty.onData((bytes) => {
      line.sendToDevice(bytes);
    });
  }

  it('waits for the line and not only for the device, at 9600 baud', async () => {
    servePaced(await port.plugIn(), 960);
    const client = await connectClient('?baud=9600', { timeoutMs: 300, retries: 0 });
    const long = 'x'.repeat(400);
    // Each way takes twice the timeout.
    expect(await client.echo(long)).toEqual({ ok: true, value: long });
    expect(await client.imageState()).toMatchObject({ ok: true });
  });

  it('uploads at 9600 baud without sending anything twice', async () => {
    servePaced(await port.plugIn(), 960);
    const client = await connectClient('?baud=9600', { timeoutMs: 300 });
    const small = buildTestImage('1.1.0', 800);
    expect(await client.imageUpload(small.bytes)).toMatchObject({ ok: true });
    expect(client.statistics.resent).toBe(0);
  });

  it('uploads at 3 M baud, with flow control asked for', async () => {
    servePaced(await port.plugIn(), 300_000);
    const client = await connectClient('?baud=3000000&flow=rtscts&stop=2', { timeoutMs: 300 });
    expect(await client.imageUpload(NEXT.bytes)).toMatchObject({ ok: true });
    expect(holdsImage()).toBe(true);
    expect(client.statistics.resent).toBe(0);
  });

  it('says how many bytes the line carries, start, stop and parity bits counted', async () => {
    await plugIn();
    expect((await connect('?baud=9600')).lineBytesPerSecond).toBe(960);
    for (const cleanup of cleanups.splice(0)) await cleanup();
    expect((await connect('?baud=9600&stop=2')).lineBytesPerSecond).toBeCloseTo(9600 / 11);
  });
});

describe('the buffers of a device', () => {
  const FRAMING_BYTES = 4;

  /** Answers each request only after a while, and notes how much it was given at once. */
  class StrictDevice {
    waiting = 0;
    waitingMax = 0;
    largestBytes = 0;
    readonly #params: SmpBody;

    constructor(params: SmpBody) {
      this.#params = params;
    }

    serve(pty: Pty): void {
      const deframer = new SerialDeframer({ maxMessageBytes: 65_000 });
      pty.onData((bytes) => {
        for (const event of deframer.push(bytes)) {
          if (event.kind === 'message') this.#take(event.bytes, pty);
        }
      });
    }

    #take(request: Uint8Array, pty: Pty): void {
      this.waiting += 1;
      this.waitingMax = Math.max(this.waitingMax, this.waiting);
      this.largestBytes = Math.max(this.largestBytes, request.byteLength + FRAMING_BYTES);
      setTimeout(() => {
        this.waiting -= 1;
        pty.write(encodeSerialFrames(this.#answer(request)));
      }, 3);
    }

    #answer(request: Uint8Array): Uint8Array {
      const header = decodeSmpHeader(request);
      if (!header.ok) throw new Error(header.detail);
      const { group, command, sequence } = header.value;
      if (group === 0 && command === 6) {
        return encodeSmpMessage({
          ...{ version: 2, op: 'read-response', group, command, sequence },
          body: this.#params,
        });
      }
      return target.server.handle(request) ?? new Uint8Array(0);
    }
  }

  it.each([
    { buf_size: 256, buf_count: 1, window: 1 },
    { buf_size: 256, buf_count: 2, window: 1 },
    { buf_size: 384, buf_count: 3, window: 2 },
    { buf_size: 1024, buf_count: 4, window: 3 },
    { buf_size: 4096, buf_count: 5, window: 4 },
    { buf_size: 4096, buf_count: 200, window: 4 },
  ])(
    'are filled and never overfilled: $buf_count of $buf_size bytes',
    async ({ buf_size, buf_count, window }) => {
      target = device(buf_size);
      const pty = await port.plugIn();
      const strict = new StrictDevice({ buf_size, buf_count });
      strict.serve(pty);
      const client = await connectClient();
      expect(await client.imageUpload(NEXT.bytes)).toMatchObject({ ok: true });
      expect(holdsImage()).toBe(true);
      expect(strict.waitingMax).toBe(window);
      expect(strict.largestBytes).toBeLessThanOrEqual(buf_size);
      expect(strict.largestBytes).toBeGreaterThan(buf_size - 16);
    },
  );
});
