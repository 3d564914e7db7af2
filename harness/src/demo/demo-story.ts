import type { WriteEffect } from '@brickproof/bootloader-sim';
import { startEmbeddedBroker } from '../target/embedded-broker.js';
import { openTarget } from '../target/open-target.js';
import { parseTarget } from '../target/target.js';
import { SmpClient } from '../client/smp-client.js';
import type { SmpResult } from '../client/smp-result.js';
import { serveOnMqtt } from '../board/serve-mqtt.js';
import { serveOnPty, serveOnTcp } from '../board/serve-uart.js';
import { readSample } from '../samples/sample-set.js';
import type { DeviceModelName } from '../board/device-model.js';
import { startDemoBoard, type DemoBoard, type DemoBoardOptions } from './demo-bench.js';
import type { DemoReport } from './demo-report.js';

/** Something the story needs is missing: the sentence says what. */
export class DemoImpossible extends Error {}

/** The flash operation of an upload in which the power is cut. */
const POWER_CUT_OPERATION = 60;
const WORD_TORN: WriteEffect = { kind: 'unstable', firstWord: 2, words: 1 };

/** Tells the whole story on boards and a broker of its own. Throws `DemoImpossible`. */
export async function tellDemo(report: DemoReport): Promise<void> {
  await goodUpdateOverSerial(report);
  await goodUpdateOverMqtt(report);
  await badFirmwareRolledBack(report, {
    title: 'The new firmware finds itself broken',
    intro: 'Its self-test fails, so it asks for a reset instead of confirming itself.',
    sample: 'good-1.2.0-self-test-fails.bin',
    proof: 'the self-test failed',
    cause: 'software',
  });
  await badFirmwareRolledBack(report, {
    title: 'The new firmware hangs',
    intro: 'It never gets as far as confirming itself; the watchdog ends it.',
    sample: 'good-1.2.0-hangs.bin',
    proof: 'watchdog reset',
    cause: 'watchdog',
  });
  await forgedImageRefused(report);
  await downgradeRefused(report);
  await powerCut(report);
}

async function goodUpdateOverSerial(report: DemoReport): Promise<void> {
  report.chapter('A good update over a serial port');
  await onSerialBoard(
    { model: 'nrf-equal', image: 'good-1.0.0-imgtool.bin', seed: 1 },
    report,
    async (bench) => {
      const { device, client } = bench;
      const uploaded = await upload(bench, 'nrf-equal', 'good-1.1.0-imgtool.bin');
      report.claim(
        'the image, signed with imgtool, arrived whole in the slot that does not run',
        uploaded.match,
      );
      report.claim('the old image still runs', device.board.state.version === '1.0.0+0');
      await mark(client, uploaded.slot);
      device.takeConsole();
      await client.reset();
      const confirmed = await device.until(
        (b) => b.state.version === '1.1.0+0' && b.state.trial === 'confirmed',
      );
      quote(report, device, ['Image 0 loaded', 'Trial boot', 'image confirmed']);
      report.claim(
        '1.1.0 booted on trial, tested itself and was confirmed',
        confirmed,
        describe(device),
      );
      device.board.reset();
      const stayed = await device.until(
        (b) => b.state.bootCount === 3 && b.state.power === 'running',
      );
      report.claim(
        'it is still there after another reset',
        stayed && device.board.state.version === '1.1.0+0',
        describe(device),
      );
    },
  );
}

async function goodUpdateOverMqtt(report: DemoReport): Promise<void> {
  report.chapter('The same over MQTT, on a board with other flash');
  const broker = await startEmbeddedBroker();
  const device = start(
    { model: 'stm-unequal', image: 'good-1.0.0-imgtool.bin', seed: 2 },
    { hold: true },
  );
  try {
    const served = await serveOnMqtt(device.board, { brokerUrl: broker.url });
    if (!served.ok) throw new DemoImpossible(served.detail);
    device.board.powerOn();
    await device.until((b) => b.state.power === 'running');
    report.say(`the board is at ${served.value.target}`);
    const client = await open(served.value.target);
    const uploaded = await upload({ device, client }, 'stm-unequal', 'good-1.1.0-ours.bin');
    report.claim('the image, signed by us, arrived whole over the broker', uploaded.match);
    await mark(client, uploaded.slot);
    await client.reset();
    const confirmed = await device.until(
      (b) => b.state.version === '1.1.0+0' && b.state.trial === 'confirmed',
    );
    report.claim(
      '1.1.0 booted, reached the broker again, and was confirmed',
      confirmed,
      describe(device),
    );
    await client.close();
    served.value.close();
  } finally {
    device.stop();
    await broker.close();
  }
}

async function badFirmwareRolledBack(
  report: DemoReport,
  story: {
    readonly title: string;
    readonly intro: string;
    readonly sample: string;
    readonly proof: string;
    readonly cause: string;
  },
): Promise<void> {
  report.chapter(story.title);
  report.say(story.intro);
  await onSerialBoard(
    { model: 'nrf-equal', image: 'good-1.1.0-imgtool.bin', seed: 3 },
    report,
    async (bench) => {
      const { device, client } = bench;
      const uploaded = await upload(bench, 'nrf-equal', story.sample);
      await mark(client, uploaded.slot);
      device.takeConsole();
      await client.reset();
      const tried = await device.until((b) => b.state.version === '1.2.0+0');
      report.claim('1.2.0 was started, on trial', tried, describe(device));
      const back = await device.until((b) => b.state.version === '1.1.0+0');
      const lines = quote(report, device, [story.proof, 'Erasing faulty', 'rolled back']);
      report.claim(
        `the board saw why it ended (${story.cause} reset)`,
        lines.some((line) => line.includes(story.proof)),
      );
      report.claim(
        '1.1.0 runs again, and is confirmed',
        back && device.board.state.trial === 'idle',
        describe(device),
      );
    },
  );
}

async function forgedImageRefused(report: DemoReport): Promise<void> {
  report.chapter('A forged image');
  const options = { model: 'nrf-equal', image: 'good-1.0.0-imgtool.bin', seed: 4 } as const;
  await onSerialBoard(options, report, async (bench) => {
    const { device, client } = bench;
    const uploaded = await upload(bench, 'nrf-equal', 'bad-signature-1.1.0.bin');
    const marked = await client.imageTest(uploaded.hash);
    report.claim('it arrived whole', uploaded.match);
    report.claim(
      'the agent read it back, found the signature wrong, and did not mark it',
      isRefused(marked) && !(await isMarked(client, uploaded.slot)),
    );
    quote(report, device, ['refused: image-signature-invalid']);
    report.claim('1.0.0 still runs', device.board.state.version === '1.0.0+0', describe(device));
  });
  report.say('Now with an agent that looks away: the bootloader must see it alone.');
  await onSerialBoard({ ...options, agentVerifies: false }, report, async (bench) => {
    const { device, client } = bench;
    const uploaded = await upload(bench, 'nrf-equal', 'bad-signature-1.1.0.bin');
    const marked = await client.imageTest(uploaded.hash);
    report.claim('the careless agent marked it to boot', marked.ok);
    device.takeConsole();
    await client.reset();
    const again = await device.until((b) => b.state.bootCount === 2 && b.state.power === 'running');
    quote(report, device, ['not valid', 'image-']);
    report.claim(
      'the bootloader refused it and started 1.0.0',
      again && device.board.state.version === '1.0.0+0',
      describe(device),
    );
  });
}

async function downgradeRefused(report: DemoReport): Promise<void> {
  report.chapter('An old image with a known hole');
  const options = { model: 'nrf-equal', image: 'good-1.0.0-imgtool.bin', seed: 5 } as const;
  await onSerialBoard(options, report, async (bench) => {
    const { device, client } = bench;
    const uploaded = await upload(bench, 'nrf-equal', 'good-0.9.0-downgrade.bin');
    const marked = await client.imageTest(uploaded.hash);
    report.claim(
      '0.9.0 is signed, arrived whole, and was refused all the same',
      uploaded.match && isRefused(marked) && !(await isMarked(client, uploaded.slot)),
    );
    await client.reset();
    const again = await device.until((b) => b.state.bootCount === 2 && b.state.power === 'running');
    report.claim(
      'after a reset 1.0.0 runs',
      again && device.board.state.version === '1.0.0+0',
      describe(device),
    );
  });
}

async function powerCut(report: DemoReport): Promise<void> {
  report.chapter('Power cut in the middle');
  const options = { model: 'nrf-equal', image: 'good-1.0.0-imgtool.bin', seed: 6 } as const;
  const device = start(options);
  const uart = await serveUart(device);
  try {
    const first = await open(uart.target, 300);
    device.board.cutPowerAfter(POWER_CUT_OPERATION, WORD_TORN);
    const image = sample('nrf-equal', 'good-1.1.0-imgtool.bin');
    const cut = await first.imageUpload(image);
    report.claim(
      'the power went in the middle of a flash write of the upload',
      !cut.ok && device.board.state.power === 'off',
    );
    await first.close();
    device.board.powerOn();
    const up = await device.until((b) => b.state.power === 'running');
    report.claim(
      '1.0.0 came back',
      up && device.board.state.version === '1.0.0+0',
      describe(device),
    );
    const second = await open(uart.target);
    const resumed = await second.imageUpload(image);
    const from = resumed.ok ? resumed.value.resumedFrom : 0;
    report.claim(
      `the upload went on at byte ${from} and arrived whole`,
      resumed.ok && from > 0 && resumed.value.match === true,
    );
    await mark(second, device.board.state.activeSlot === 0 ? 1 : 0);
    await second.reset();
    const confirmed = await device.until(
      (b) => b.state.version === '1.1.0+0' && b.state.trial === 'confirmed',
    );
    report.claim('1.1.0 was installed and confirmed', confirmed, describe(device));
    await second.close();
  } finally {
    uart.close();
    device.stop();
  }
}

interface Bench {
  readonly device: DemoBoard;
  readonly client: SmpClient;
}

async function onSerialBoard(
  options: DemoBoardOptions,
  report: DemoReport,
  story: (bench: Bench) => Promise<void>,
): Promise<void> {
  const device = start(options);
  const uart = await serveUart(device);
  try {
    await device.until((b) => b.state.power === 'running');
    report.say(
      `the board is at ${uart.target} and runs ${device.board.state.version ?? 'nothing'}`,
    );
    const client = await open(uart.target);
    await story({ device, client });
    await client.close();
  } finally {
    uart.close();
    device.stop();
  }
}

/** The board's UART as a real serial port; on systems without ptys as a TCP port. */
async function serveUart(device: DemoBoard): Promise<{ readonly target: string; close(): void }> {
  const pty = await serveOnPty(device.board);
  if (pty.ok) return pty.value;
  const tcp = await serveOnTcp(device.board, 0);
  if (!tcp.ok) throw new DemoImpossible(tcp.detail);
  return tcp.value;
}

function start(options: DemoBoardOptions, how: { readonly hold?: boolean } = {}): DemoBoard {
  const device = startDemoBoard(options);
  if (!device.ok) throw new DemoImpossible(device.detail);
  if (how.hold === true) device.value.board.powerOff();
  return device.value;
}

async function open(target: string, timeoutMs = 2_000): Promise<SmpClient> {
  const spec = parseTarget(target);
  if (!spec.ok) throw new DemoImpossible(spec.detail);
  const connection = await openTarget(spec.value);
  if (!connection.ok) throw new DemoImpossible(connection.detail);
  return new SmpClient(connection.value, { timeoutMs });
}

async function upload(
  bench: Bench,
  model: DeviceModelName,
  name: string,
): Promise<{ readonly match: boolean; readonly slot: number; readonly hash: Uint8Array }> {
  const uploaded = await bench.client.imageUpload(sample(model, name));
  const slot = bench.device.board.state.activeSlot === 0 ? 1 : 0;
  const entry = (await slots(bench.client)).find((candidate) => candidate.slot === slot);
  return {
    slot,
    match: uploaded.ok && uploaded.value.match === true,
    hash: entry?.hash ?? new Uint8Array(0),
  };
}

async function slots(
  client: SmpClient,
): Promise<readonly { slot: number; hash: Uint8Array | undefined }[]> {
  const state = await client.imageState();
  return state.ok ? state.value : [];
}

/** The device answered, and the answer was no. */
function isRefused(answer: SmpResult<unknown>): boolean {
  return !answer.ok && answer.code === 'smp-device-refused';
}

async function isMarked(client: SmpClient, slot: number): Promise<boolean> {
  const state = await client.imageState();
  return !state.ok || state.value.some((entry) => entry.slot === slot && entry.pending);
}

async function mark(client: SmpClient, slot: number): Promise<void> {
  const hash = (await slots(client)).find((candidate) => candidate.slot === slot)?.hash;
  if (hash !== undefined) await client.imageTest(hash);
}

function sample(model: DeviceModelName, name: string): Uint8Array {
  const image = readSample(model, name);
  if (!image.ok) throw new DemoImpossible(image.detail);
  return image.value;
}

/** Shows the console lines that hold one of the words, and returns all of them. */
function quote(report: DemoReport, device: DemoBoard, words: readonly string[]): readonly string[] {
  const lines = device.takeConsole();
  for (const line of lines) {
    if (words.some((word) => line.includes(word))) report.quote(line);
  }
  return lines;
}

function describe(device: DemoBoard): string {
  const { power, version, trial, resetCause } = device.board.state;
  return `${power}, version ${version ?? 'none'}, trial ${trial ?? 'none'}, last reset ${resetCause}`;
}
