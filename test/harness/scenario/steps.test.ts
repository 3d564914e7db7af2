import { describe, expect, it } from 'vitest';
import { failureOf, runText, scenarioOf } from './scenario-text.js';

const START = '- start: good-1.0.0-imgtool.bin';
const IMAGE = 'good-1.1.0-imgtool.bin';
const UPDATE = `${START}\n- upload: ${IMAGE}\n- test: uploaded\n- reset: software`;
const LINKS = ['serial', 'tcp', 'mqtt'] as const;

describe('steps that hold', () => {
  it.each([
    ['start', `${START}\n- expect: { version: 1.0.0, slot: 0, confirmed: true, trial: idle }`],
    ['power off', `${START}\n- power: off\n- expect: { power: off, boot-count: 1 }`],
    ['power on again', `${START}\n- power: off\n- power: on\n- expect: { boot-count: 2 }`],
    [
      'a cut at a time in an upload',
      `${START}\n- power: { cut: { after: 5 s } }\n- upload: { image: ${IMAGE}, refused: unreachable }
- expect: { power: off, refused: connection-lost }`,
    ],
    [
      'a cut at a time while waiting',
      `${START}\n- power: { cut: { after: 5 s } }\n- wait: 4 s\n- expect: { power: running }
- wait: 2 s\n- expect: { power: off }`,
    ],
    [
      'a cut while a slot is marked',
      `${START}\n- power: { cut: { operation: 1, during: mark } }\n- upload: ${IMAGE}
- test: { image: uploaded, refused: unreachable }\n- expect: { power: off }`,
    ],
    [
      'a cut while a trial confirms itself',
      `${START}\n- power: { cut: { operation: 1, during: confirm } }\n- upload: ${IMAGE}
- test: uploaded\n- reset: software\n- expect: { version: 1.1.0 }
- wait-until: { power: off, within: 10 s }\n- power: on\n- expect: { version: 1.0.0, trial: idle }`,
    ],
    [
      'a cut while the bootloader runs',
      `${START}\n- power: { cut: { operation: 1, during: boot } }\n- upload: ${IMAGE}
- test: uploaded\n- reset: software\n- expect: { power: off, boot-count: 2 }`,
    ],
    [
      'a cut in a write of one area, that leaves words unstable',
      `${START}\n- power: { cut: { operation: 3, on: write, at: slot1, write: unstable } }
- upload: { image: ${IMAGE}, refused: unreachable }
- expect: { power: off, console: { matches: 'power cut in the write .* slot1.*unstable' } }`,
    ],
    [
      'cuts that come by chance, and need not come',
      `${START}\n- power: { cut: { rate: 0.000001 } }\n- upload: ${IMAGE}`,
    ],
    [
      'a failing write of one phase',
      `${START}\n- fault: { failure: { operation: 1, during: mark, at: slot1 } }\n- upload: ${IMAGE}
- test: { image: uploaded, refused: image:flash-write-failed }\n- test: uploaded`,
    ],
    [
      'an area that fails, until it does no more',
      `${START}\n- fault: { failure: { rate: 1, at: slot1 } }
- upload: { image: ${IMAGE}, refused: image:flash-erase-failed }\n- fault: off\n- upload: ${IMAGE}`,
    ],
    [
      'a sector that wears out',
      `${START}\n- fault: { worn-out: { at: slot1+0x10000 } }
- upload: { image: ${IMAGE}, refused: image:flash-erase-failed }
- expect: { console: 'worn out, left weak' }`,
    ],
    [
      'a bit that flips at once, and one that flips later',
      `${START}\n- upload: ${IMAGE}\n- fault: { flipped-bit: { at: slot1+0x2000, bit: 3 } }
- fault: { flipped-bit: { at: slot1+0x2001, operation: 1 } }
- expect: { console: bit 3 flipped at slot1+0x2000, not-console: slot1+0x2001 }
- test: { image: uploaded, refused: image:confirmation-denied }\n- upload: ${IMAGE}
- expect: { console: flipped at slot1+0x2001 }`,
    ],
    [
      'a tampered byte',
      `${START}\n- upload: { image: ${IMAGE}, tamper-at: 100000 }
- test: { image: uploaded, refused: image:confirmation-denied }`,
    ],
    [
      'an upload that stops and goes on, at the end of the very packet',
      `${START}\n- upload: { image: ${IMAGE}, stop-after: 64KiB, resumes: false }
- upload: { image: ${IMAGE}, resumes: 69040 }`,
    ],
    [
      'an upload of what is there already',
      `${START}\n- upload: ${IMAGE}\n- upload: { image: ${IMAGE}, resumes: 271004 }`,
    ],
    [
      'a confirm of what is uploaded, for good',
      `${START}\n- upload: ${IMAGE}\n- confirm: uploaded\n- reset: software
- expect: { version: 1.1.0, confirmed: true, trial: idle }`,
    ],
    [
      'a confirm of what runs',
      `${UPDATE}\n- expect: { confirmed: false }\n- confirm: running\n- expect: { confirmed: true }`,
    ],
    [
      'an erase of the other slot',
      `${START}\n- upload: ${IMAGE}\n- erase: other\n- expect: { other-version: none }`,
    ],
    ['an erase of what runs', `${START}\n- erase: { slot: 0, refused: '1:9' }`],
    ['a press of the reset button', `${START}\n- reset: pin\n- expect: { reset-cause: pin }`],
    ['a wait', `${START}\n- wait: 3 s\n- note: Time has passed.\n- expect: { power: running }`],
    [
      'the console',
      `${START}\n- expect:\n    console: [Booting firmware 1.0.0, { matches: '^I: Jumping' }]
    not-console: ['Booting firmware 2', { matches: '^E: ' }]`,
    ],
    [
      'the last refusal',
      `${START}\n- expect: { refused: image:no-free-slot }`.replace(
        START,
        `${START}\n- erase: { slot: 0, refused: any }`,
      ),
    ],
  ])('%s', async (_, steps) => {
    expect(await failureOf(steps)).toBeUndefined();
  });

  it('board time stands still while a board comes back to its broker', async () => {
    const device = 'device: { link: mqtt, trial: { settle: 500 ms, timeout: 1 s } }';
    const steps = `${START}\n- upload: ${IMAGE}\n- test: uploaded\n- link: down\n- reset: pin
- erase: { refused: unreachable }\n- expect: { version: 1.1.0, trial: testing }\n- link: up
- wait-until: { version: 1.1.0, confirmed: true, within: 5 s }`;
    expect(await failureOf(steps, device)).toBeUndefined();
  });

  it.each(LINKS)('a %s link goes away and comes back', async (link) => {
    const steps = `${START}\n- upload: ${IMAGE}\n- link: down
- test: { image: uploaded, refused: unreachable }\n- link: up\n- test: uploaded`;
    expect(await failureOf(steps, `device: { link: ${link} }`)).toBeUndefined();
  });
});

describe('steps that do not hold', () => {
  it.each([
    [`${START}\n- expect: { version: 1.0.1 }`, '5: expected version 1.0.1, found version 1.0.0'],
    [`${START}\n- expect:\n    version: 1.0.0\n    slot: 1`, '7: expected slot 1, found slot 0'],
    [
      `${START}\n- power: off\n- expect: { version: 1.0.0 }`,
      '6: expected version 1.0.0, found no version (the board is off)',
    ],
    [
      `${START}\n- expect:\n    console: Booting firmware 9`,
      '6: expected "Booting firmware 9" on the console, found it in none of 10 lines',
    ],
    [
      `${START}\n- expect:\n    not-console: { matches: 'firmware \\d' }`,
      '6: expected no /firmware \\d/ on the console, found the line "*** Booting firmware 1.0.0+0 ***"',
    ],
    [
      `${START}\n- expect: { refused: any }`,
      '5: expected the last refusal to be any, found that nothing was refused',
    ],
    [
      `${START}\n- wait-until: { version: 1.1.0, within: 2 s }`,
      '5: expected version 1.1.0, within 2 s, found version 1.0.0',
    ],
    [
      `${START}\n- erase: { slot: 0 }`,
      '5: expected the erase to be done, found image:no-free-slot (the device refused: no slot is free: it runs, is about to, or is what a trial falls back to (group 1, error 9))',
    ],
    [
      `${START}\n- erase: { refused: image:no-free-slot }`,
      '5: expected the erase to be refused with image:no-free-slot, found that it was done',
    ],
    [
      `${START}\n- upload:\n    image: ${IMAGE}\n    resumes: true`,
      '7: expected the upload to go on from somewhere after the start, found byte 0',
    ],
    [
      `${START}\n- upload: { image: ${IMAGE}, stop-after: 271003 }`,
      '5: expected the upload to stop after 271003 bytes, found all 271004 bytes taken',
    ],
    [
      `${START}\n- power: off\n- reset: software`,
      '6: expected the reset to be done, found smp-timeout ',
    ],
    [
      `${START}\n- note: nothing is written\n- power: { cut: { operation: 9 } }\n- wait: 1 s`,
      '6: expected the power to be cut, found that it never happened',
    ],
    [
      `${START}\n- fault: { failure: { operation: 9 } }\n- wait: 1 s`,
      '5: expected the fault to strike, found that it never happened',
    ],
    [
      `${START}\n- fault: { worn-out: { at: slot1 } }\n- fault: off\n- upload: ${IMAGE}`,
      '5: expected the fault to strike, found that it never happened',
    ],
    [
      '- start: bad-signature-1.1.0.bin',
      '4: expected the firmware to start, found the board does not run its firmware: it is stuck',
    ],
    [
      '- start: bad-too-large-1.1.0.bin',
      '4: expected the firmware to start, found the firmware does not fit the board: ',
    ],
  ])('%j', async (steps, expected) => {
    expect(await failureOf(steps)).toContain(expected);
  });

  it('says what was on the console, and how to see it again', async () => {
    const text = scenarioOf(`${START}\n- expect: { slot: 1 }`);
    const [run] = await runText(text, { seed: 9, file: "a dir/it's.yaml" });
    expect(run?.failure?.console.at(-1)).toBe('*** Booting firmware 1.0.0+0 ***');
    expect(run?.failure?.replay).toBe(
      "brickproof run 'a dir/it'\\''s.yaml' --only test --model nrf-equal --link serial --seed 9",
    );
  });
});

describe('the board a scenario names', () => {
  it.each([
    ['agent: trusting', `${START}\n- upload: bad-signature-1.1.0.bin\n- test: uploaded`],
    ['behaviour: hangs', `${UPDATE}\n- wait-until: { reset-cause: watchdog }`],
    [
      'confirm-by: request',
      `${UPDATE}\n- wait-until: { trial: waiting }\n- confirm: running\n- wait-until: { trial: confirmed }`,
    ],
    ['trial: { settle: 20 s }', `${UPDATE}\n- wait: 19 s\n- expect: { trial: testing }`],
    ['security-counter: 5', `${START}\n- expect: { power: stuck }`],
    ['security-counter: 1', `${START}\n- expect: { security-counter: 1 }`],
    ['strategy: swap-using-move', `${UPDATE}\n- expect: { slot: 0, other-version: 1.0.0 }`],
    [
      'strategy: swap-using-scratch, faults: [{ failure: { rate: 1, at: scratch } }]',
      `${UPDATE}\n- expect: { version: 1.0.0 }`,
    ],
    ['strategy: overwrite-only', `${UPDATE}\n- expect: { version: 1.1.0, slot: 0 }`],
    ['buffer-size: 512', UPDATE],
    [
      'faults: [{ failure: { rate: 1, at: slot1, on: write } }]',
      `${START}\n- upload: { image: ${IMAGE}, refused: image:flash-write-failed }`,
    ],
    ['keys: [../keys/test-key-ed25519.pem]', START],
    ['seed: 77', START],
  ])('%s', async (device, steps) => {
    const found = await failureOf(steps, `device: { ${device} }`, {
      file: 'firmware-samples/nrf-equal/s.yaml',
    });
    if (device === 'security-counter: 5')
      expect(found).toContain('4: expected the firmware to start');
    else expect(found).toBeUndefined();
  });

  it('is not started by a key that it does not trust', async () => {
    const device = 'device: { keys: [../keys/test-key-unknown.pem] }';
    const file = 'firmware-samples/nrf-equal/s.yaml';
    const [run] = await runText(scenarioOf(START, device), { file });
    expect(run?.failure?.console.join('\n')).toContain('image-key-unknown');
  });
});

describe('a run', () => {
  it.each(LINKS)('tells the same story for the same seed, over %s', async (link) => {
    const steps = `${START}\n- upload: { image: ${IMAGE}, stop-after: 100KiB }
- power: { cut: { after: 7 s } }\n- upload: { image: ${IMAGE}, refused: unreachable }
- power: on\n- expect: { version: 9.9.9 }`;
    const tell = async (): Promise<unknown> => {
      const [run] = await runText(scenarioOf(steps, `device: { link: ${link} }`));
      return [run?.boardMs, run?.failure];
    };
    const first = await tell();
    for (let again = 0; again < 3; again += 1) expect(await tell()).toEqual(first);
  });

  it('tells the same story of faults for the same seed, and another for another', async () => {
    const steps = `${START}\n- fault: { failure: { rate: 0.2, at: slot1, write: unstable } }
- upload: { image: ${IMAGE}, refused: any }\n- upload: { image: ${IMAGE}, refused: any }
- expect: { version: 9.9.9 }`;
    const tell = async (seed: number): Promise<unknown> => {
      const [run] = await runText(scenarioOf(steps), { seed });
      return [run?.boardMs, run?.failure?.console, run?.wear];
    };
    expect(await tell(1)).toEqual(await tell(1));
    expect(await tell(1)).not.toEqual(await tell(2));
  });

  it('tells how often each sector was erased', async () => {
    const [run] = await runText(scenarioOf(`${START}\n- upload: ${IMAGE}`));
    const wear = new Map(run?.wear.map(({ area, erases }) => [area, erases]));
    expect([...wear.keys()]).toEqual(['bootloader', 'slot0', 'slot1', 'store']);
    expect(
      wear
        .get('slot1')
        ?.slice(0, 67)
        .every((erases) => erases === 1),
    ).toBe(true);
    expect(wear.get('slot0')?.every((erases) => erases === 0)).toBe(true);
  });

  it('ends when its time is over', async () => {
    const steps = `${START}\n- wait: 60 min\n- wait: 60 min\n- wait: 60 min`;
    const [run] = await runText(scenarioOf(steps), { timeoutMs: 30 });
    expect(run?.verdict).toBe('failed');
    expect(run?.failure?.found).toContain('no end within 0.03 s');
  });

  it('ends when it is stopped, and counts as not run, as do those that follow', async () => {
    const stop = new AbortController();
    setTimeout(() => {
      stop.abort();
    }, 20);
    const steps = `${START}\n- wait: 60 min\n- wait: 60 min\n- wait: 60 min`;
    const device = 'device: { model: [nrf-equal, stm-unequal] }';
    const runs = await runText(scenarioOf(steps, device), { signal: stop.signal });
    expect(runs.map(({ verdict }) => verdict)).toEqual(['not-run', 'not-run']);
  });
});
