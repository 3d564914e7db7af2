import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { startBoardSession, startEmbeddedBroker } from '@brickproof/harness';
import type { BoardSession, EmbeddedBroker } from '@brickproof/harness';
import { planText, runText, scenarioOf } from './scenario-text.js';

const START = '- start: good-1.0.0-imgtool.bin';
const UPDATE = `${START}
- upload: good-1.1.0-imgtool.bin
- test: uploaded
- expect: { version: 1.0.0, pending: true, other-version: 1.1.0 }
- reset: software
- wait-until: { version: 1.1.0, slot: 1, confirmed: true, within: 15 s }`;

const sessions: BoardSession[] = [];
const brokers: EmbeddedBroker[] = [];

afterEach(async () => {
  for (const session of sessions.splice(0)) session.stop();
  for (const broker of brokers.splice(0)) await broker.close();
});

/** A board in real time, known by its target alone: to a scenario it is as real as any. */
async function serve(over: 'tcp' | 'pty' | 'mqtt'): Promise<string> {
  const broker = over === 'mqtt' ? await startEmbeddedBroker() : undefined;
  if (broker !== undefined) brokers.push(broker);
  const session = await startBoardSession({
    model: 'nrf-equal',
    strategy: 'direct-xip',
    count: 1,
    seed: 1,
    keyPaths: [],
    pty: over === 'pty',
    ...(over === 'tcp' ? { tcpPort: 0 } : {}),
    ...(broker === undefined ? {} : { mqttUrl: broker.url }),
    confirmBy: 'self-test',
    agentVerifies: true,
  });
  if (!session.ok) throw new Error(session.detail);
  sessions.push(session.value);
  return session.value.boards[0]?.targets[0] ?? '';
}

describe('a scenario on a device that is not ours', () => {
  it('updates it over its console, and sees what it prints', async () => {
    const steps = `${UPDATE}\n- expect: { console: 'image confirmed', not-console: rolled back }`;
    const [run] = await runText(scenarioOf(steps), { target: await serve('tcp') });
    expect(run?.failure).toBeUndefined();
    expect(run?.entry).toBe('target');
  });

  it('updates it over a broker', async () => {
    const [run] = await runText(scenarioOf(UPDATE), { target: await serve('mqtt') });
    expect(run?.failure).toBeUndefined();
  });

  it('does not hold where the device does something else', async () => {
    const target = await serve('pty');
    const [run] = await runText(scenarioOf(`${START}\n- expect: { slot: 1 }`), { target });
    expect(run?.failure).toMatchObject({ line: 5, expected: 'slot 1', found: 'slot 0' });
    expect(run?.failure?.replay).toBe(
      `brickproof run s.yaml --only test --model nrf-equal --target ${target}`,
    );
  });

  it('begins only with the firmware it names', async () => {
    const steps = '- start: good-1.1.0-imgtool.bin';
    const [run] = await runText(scenarioOf(steps), { target: await serve('tcp') });
    expect(run?.failure?.found).toContain('the device runs version 1.0.0, not this image');
  });

  it('does not hold where nobody answers any more', async () => {
    const target = await serve('tcp');
    sessions[0]?.stop();
    const [run] = await runText(scenarioOf(START), { target });
    expect(run?.failure?.expected).toBe('the firmware to start');
  });
});

describe('steps that need a virtual board', () => {
  const TARGET = 'mqtt://127.0.0.1:1/board';
  const TAIL = 'leave it out, or run without --target';

  it.each([
    ['- power: off', '5:5: power can only be switched on a virtual board'],
    ['- power: { cut: { after: 1 s } }', '5:5: power can only be switched on a virtual board'],
    ['- fault: off', '5:5: only the flash of a virtual board can be made faulty'],
    ['- link: down', '5:5: the link can only be taken away from a virtual board'],
    ['- reset: pin', '5:5: the reset button can only be pressed on a virtual board'],
    ['- expect: { slot: 0, trial: idle }', '5:24: "trial" can only be seen of a virtual board'],
    ['- wait-until: { boot-count: 2 }', '5:19: "boot-count" can only be seen of a virtual board'],
    ['- expect: { console: a }', '5:15: the console of a device cannot be seen over mqtt'],
  ])('are refused before anything is done: %s', (step, expected) => {
    const { problems } = planText(scenarioOf(`${START}\n${step}`), { target: TARGET });
    expect(problems).toEqual([`s.yaml:${expected}; ${TAIL}`]);
  });

  it.each([
    ['agent: trusting', 'agent'],
    ['behaviour: hangs', 'behaviour'],
    ['security-counter: none', 'security-counter'],
    ['confirm-by: request', 'confirm-by'],
    ['trial: { settle: 2 s }', 'trial'],
    ['faults: [{ worn-out: { at: slot1 } }]', 'faults'],
  ])('so are boards made otherwise: %s', (device, key) => {
    const text = scenarioOf(START, `device: { ${device} }`);
    expect(planText(text, { target: TARGET }).problems).toEqual([
      `s.yaml:2:11: "device.${key}" makes a virtual board, a real one is as it is; ${TAIL}`,
    ]);
  });

  it('are no hindrance where there are none: the model and the links do not matter', () => {
    const device = 'device: { model: [stm-unequal, nrf-equal], link: [serial, mqtt], seed: 4 }';
    const { runs, problems } = planText(scenarioOf(UPDATE, device), { target: TARGET });
    expect(problems).toEqual([]);
    expect(runs.map(({ model, link }) => [model, link])).toEqual([['stm-unequal', 'target']]);
  });

  it('takes the images of the model that is named', () => {
    const image = readFileSync(
      fileURLToPath(
        new URL('../../../firmware-samples/stm-unequal/good-1.0.0-imgtool.bin', import.meta.url),
      ),
    );
    const options = { target: TARGET, model: 'stm-unequal' } as const;
    const [run] = planText(scenarioOf(START), options).runs;
    const taken = run?.images.take('good-1.0.0-imgtool.bin');
    expect(taken?.ok === true && image.equals(taken.value.bytes)).toBe(true);
  });
});
