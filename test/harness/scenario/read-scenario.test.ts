import { describe, expect, it } from 'vitest';
import { STEPS_MAX, readScenario } from '@brickproof/harness';
import { planText, scenarioOf } from './scenario-text.js';

const START = '- start: good-1.0.0-imgtool.bin';

function problemsOf(text: string): readonly string[] {
  return planText(text).problems;
}

describe('a scenario file', () => {
  it('is read with its matrix, its seed and its steps', () => {
    const read = readScenario(
      'name: mine\ndescription: d\ndevice:\n  model: [stm-unequal, nrf-equal]\n  link: mqtt\n' +
        `  seed: 7\nsteps:\n  ${START}\n  - wait: 1.5 s\n`,
      'folder/mine.yaml',
    );
    if (!read.ok) throw new Error('refused');
    const { scenario } = read;
    expect(scenario.models).toEqual(['stm-unequal', 'nrf-equal']);
    expect(scenario.links).toEqual(['mqtt']);
    expect(scenario.strategies).toEqual(['direct-xip']);
    expect(scenario.seed).toBe(7);
    expect(scenario.steps.map(({ action }) => action)).toEqual([
      { kind: 'start', image: 'good-1.0.0-imgtool.bin' },
      { kind: 'wait', durationMs: 1_500 },
    ]);
    expect(scenario.placeOf(['steps', 1, 'wait'])).toEqual({ line: 9, column: 5 });
  });

  it.each([
    ['nothing', '', 's.yaml:1:1: the file is empty'],
    ['only a comment', '# hello', 's.yaml:1:1: the document is empty, expected a mapping'],
    [
      'no steps',
      'name: a\nsteps: []',
      's.yaml:2:1: "steps" is a list of 0, expected at least one step',
    ],
    ['no name', `steps:\n  ${START}`, 's.yaml:1:1: "name" is missing'],
    [
      'a bad name',
      `name: A b\nsteps:\n  ${START}`,
      's.yaml:1:1: "name" is "A b", expected lower-case letters, digits and dashes',
    ],
    [
      'an unknown key',
      `name: a\nstep:\n  ${START}\nsteps:\n  ${START}`,
      's.yaml:2:1: "step" is not a known key; did you mean steps?',
    ],
    [
      'an unknown model',
      scenarioOf(START, 'device: { model: nrf52 }'),
      's.yaml:2:11: "device.model" is "nrf52", expected "nrf-equal" or "stm-unequal" or "nrf-dual" or a list',
    ],
    [
      'an unknown link in a list',
      scenarioOf(START, 'device: { link: [serial, usb] }'),
      's.yaml:2:26: "device.link[1]" is "usb", expected "serial" or "tcp" or "mqtt"',
    ],
    [
      'a strategy that MCUboot cannot be built with for the model',
      scenarioOf(START, 'device: { model: stm-unequal, strategy: swap-using-move }'),
      's.yaml:2:31: stm-unequal does not do swap-using-move: image 0: not same sector layout',
    ],
    [
      'a second image on a board with one',
      scenarioOf(START, 'device: { second-image: good-1.1.0-imgtool.bin }'),
      's.yaml:2:11: a board of the model nrf-equal has one image; choose nrf-dual',
    ],
    [
      'a second image that is not there',
      scenarioOf(START, 'device: { model: nrf-dual, second-image: nope.bin }'),
      's.yaml:2:28: nrf-dual has no sample "nope.bin"; see firmware-samples/nrf-dual, or write a path with a slash',
    ],
    [
      'a buffer that is too small',
      scenarioOf(START, 'device: { buffer-size: 16 }'),
      's.yaml:2:11: "device.buffer-size" is 16, expected 256 to 65535',
    ],
    [
      'an unknown step',
      scenarioOf(`${START}\n- uplaod: good-1.1.0-imgtool.bin`),
      's.yaml:5:5: "steps[1].uplaod" is not a known key; did you mean upload?',
    ],
    [
      'two steps in one',
      scenarioOf(`${START}\n- power: off\n  link: down`),
      's.yaml:5:5: "steps[1]" has to hold exactly one step; begin each with a dash',
    ],
    [
      'an unknown option',
      scenarioOf(`${START}\n- upload:\n    image: good-1.1.0-imgtool.bin\n    truncat: 4`),
      's.yaml:7:7: "steps[1].upload.truncat" is not a known key; did you mean truncate?',
    ],
    [
      'a refusal that does not exist',
      scenarioOf(`${START}\n- erase: { refused: image:no-free-slt }`),
      's.yaml:5:14: "steps[1].erase.refused" is "image:no-free-slt", expected the code of a refusal such as image:no-free-slot; did you mean image:no-free-slot?',
    ],
    [
      'a duration in a unit that is none',
      scenarioOf(`${START}\n- wait-until: { slot: 1, within: 20 parsecs }`),
      's.yaml:5:28: "steps[1].wait-until.within" is "20 parsecs", expected a duration such as 500 ms, 10 s or 2 min',
    ],
    [
      'a duration without a unit',
      scenarioOf(`${START}\n- wait: 5`),
      's.yaml:5:5: "steps[1].wait" is 5, expected a duration such as 500 ms, 10 s or 2 min',
    ],
    [
      'a version that is a number',
      scenarioOf(`${START}\n- expect: { version: 1.1 }`),
      's.yaml:5:15: "steps[1].expect.version" is 1.1, expected a version such as 1.2.0 or 1.2.0+4',
    ],
    [
      'a cut that is two',
      scenarioOf(`${START}\n- power: { cut: { operation: 1, after: 2 s } }`),
      's.yaml:5:14: "steps[1].power.cut" takes one of operation, rate and after, and after stands alone',
    ],
    [
      'a cut that is none',
      scenarioOf(`${START}\n- power: { cut: {} }`),
      's.yaml:5:14: "steps[1].power.cut" takes one of operation, rate and after, and after stands alone',
    ],
    [
      'a fault that does not exist',
      scenarioOf(`${START}\n- fault: { failur: { operation: 1 } }`),
      's.yaml:5:14: "steps[1].fault.failur" is not a known key; did you mean failure?',
    ],
    [
      'a failure without a moment',
      scenarioOf(`${START}\n- fault: { failure: { at: slot1 } }`),
      's.yaml:5:14: "steps[1].fault.failure" takes either operation or rate; a rate of 1 is every one',
    ],
    [
      'an effect that does not exist',
      scenarioOf(`${START}\n- power: { cut: { operation: 1, write: unstabel } }`),
      's.yaml:5:35: "steps[1].power.cut.write" is "unstabel", expected an effect; "unstabel" is no effect; did you mean unstable?',
    ],
    [
      'a fault in an area that does not exist',
      scenarioOf(`${START}\n- fault: { worn-out: { at: slot2 } }`),
      's.yaml:5:5: the flash has no area slot2; did you mean slot0? (on nrf-equal)',
    ],
    [
      'a cut in an area that does not exist',
      scenarioOf(`${START}\n- power: { cut: { operation: 1, at: scratch } }`),
      's.yaml:5:14: the flash has no area scratch; there are bootloader, slot0, slot1, store (on nrf-equal)',
    ],
    [
      'a fault of the board beyond the end of an area',
      scenarioOf(START, 'device: { faults: [{ flipped-bit: { at: store+0x8000 } }] }'),
      's.yaml:2:20: 1 bytes at store+0x8000 are not all there: store has 32768 (on nrf-equal)',
    ],
    [
      'an expectation of nothing',
      scenarioOf(`${START}\n- expect: {}`),
      's.yaml:5:5: "steps[1].expect" has to say something about the device',
    ],
    [
      'a wait for nothing',
      scenarioOf(`${START}\n- wait-until: { within: 3 s }`),
      's.yaml:5:5: "steps[1].wait-until" has to say what is waited for',
    ],
    [
      'a broken regular expression',
      scenarioOf(`${START}\n- expect: { console: { matches: '(' } }`),
      's.yaml:5:26: "steps[1].expect.console.matches" is no regular expression',
    ],
    [
      'a step without a value',
      scenarioOf(`${START}\n- confirm:`),
      's.yaml:5:5: "steps[1].confirm" is empty, expected text or a mapping',
    ],
    [
      'no start',
      scenarioOf('- wait: 1 s'),
      's.yaml:4:5: the first step has to be start: the firmware the device begins with',
    ],
    [
      'a second start',
      scenarioOf(`${START}\n${START}`),
      's.yaml:5:5: start can only be the first step; to go on after a cut use "power: on"',
    ],
    [
      'a test of what was never uploaded',
      scenarioOf(`${START}\n- test: uploaded`),
      's.yaml:5:5: nothing has been uploaded before this test; name an image',
    ],
    [
      'a wait for a day',
      scenarioOf(`${START}\n- wait: 1440 min`),
      's.yaml:5:5: no step may take longer than 60 min',
    ],
    [
      'a sample that does not exist',
      scenarioOf(`${START}\n- upload: good-1.1.0-imgtol.bin`),
      's.yaml:5:5: nrf-equal has no sample "good-1.1.0-imgtol.bin"; did you mean good-1.1.0-imgtool.bin?',
    ],
    [
      'a truncation beyond the end',
      scenarioOf(`${START}\n- upload: { image: good-1.1.0-imgtool.bin, truncate: 9MiB }`),
      's.yaml:5:5: 9437184 is beyond the end: the image has 271004 bytes',
    ],
    [
      'a mark for an image without a hash',
      scenarioOf(`${START}\n- test: bad-truncated-1.1.0.bin`),
      's.yaml:5:5: the image is too damaged to have a hash by which a device could know it',
    ],
  ])('says in one line, with its place, that it has %s', (_, text, expected) => {
    expect(problemsOf(text)).toEqual([expected]);
  });

  it.each(['bogus', 'image:bogus'])('lists the refusals there are for %s', (word) => {
    const [problem = '', ...others] = problemsOf(
      scenarioOf(`${START}\n- erase: { refused: ${word} }`),
    );
    expect(others).toEqual([]);
    const known = problem.split('; known are ')[1]?.split(', ');
    expect(known).toEqual(expect.arrayContaining(['any', 'unreachable', 'GROUP:NUMBER']));
    expect(known).toContain(word === 'bogus' ? 'smp-timeout' : 'image:no-free-slot');
    for (const code of known ?? []) {
      if (code === 'GROUP:NUMBER') continue;
      const used = scenarioOf(`${START}\n- erase: { refused: ${code} }`);
      expect([code, problemsOf(used)]).toEqual([code, []]);
    }
  });

  it('says which path cannot be read', () => {
    const [problem] = problemsOf(scenarioOf(`${START}\n- upload: ./no-such.bin`));
    expect(problem).toMatch(/^s\.yaml:5:5: cannot read .*no-such\.bin: there is no such file/);
    const [keys] = problemsOf(scenarioOf(START, 'device: { keys: [./no-such.pem] }'));
    expect(keys).toMatch(/^s\.yaml:2:11: cannot read .*no-such\.pem/);
  });

  it(`has at most ${STEPS_MAX} steps`, () => {
    const waits = (count: number): string => '- wait: 1 s\n'.repeat(count);
    expect(problemsOf(scenarioOf(`${START}\n${waits(STEPS_MAX - 1)}`))).toEqual([]);
    expect(problemsOf(scenarioOf(`${START}\n${waits(STEPS_MAX)}`))).toEqual([
      `s.yaml:3:1: "steps" is a list of ${STEPS_MAX + 1}, expected at most ${STEPS_MAX} steps`,
    ]);
  });
});
