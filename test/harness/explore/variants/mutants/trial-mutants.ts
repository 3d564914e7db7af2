import type { Variant } from '../variant.js';

const SWAPS = ['swap-using-offset', 'swap-using-move', 'swap-using-scratch'] as const;
/** Those under which images are tried. */
const TRYING = [
  'direct-xip',
  'swap-using-offset',
  'swap-using-move',
  'swap-using-scratch',
] as const;

/** Faults in how the agent sees an image through its trial. */
export const TRIAL_MUTANTS: readonly Variant<'agent'>[] = [
  {
    name: 'confirmed-without-self-test',
    about: 'An image is confirmed though its self-test fails. No cut is needed.',
    package: 'agent',
    strategies: TRYING,
    scenes: ['confirm'],
    patches: [
      {
        file: 'src/update/trial.ts',
        find: 'const result = this.#ports.selfTest();',
        replace: "const result = 'pass' as SelfTestResult;",
      },
    ],
  },
  {
    name: 'confirmed-without-service',
    about: 'An image is confirmed though it cannot reach the update service. No cut is needed.',
    package: 'agent',
    strategies: TRYING,
    scenes: ['confirm'],
    patches: [
      {
        file: 'src/update/trial.ts',
        find: "if (result === 'pass' && connectivity !== 'down') {",
        replace: "if (result === 'pass') {",
      },
    ],
  },
  {
    name: 'failed-trial-goes-on',
    about:
      'A trial that failed does not ask for a reset: the image that failed its self-test runs on. No cut is needed.',
    package: 'agent',
    strategies: TRYING,
    scenes: ['confirm'],
    patches: [
      {
        file: 'src/update/trial.ts',
        find: '    this.#ports.requestReset();\n',
        replace: '',
      },
    ],
  },
  {
    name: 'trial-without-end',
    about: 'A self-test that never ends keeps the trial going for ever. No cut is needed.',
    package: 'agent',
    strategies: TRYING,
    scenes: ['confirm'],
    patches: [
      {
        file: 'src/update/trial.ts',
        find: 'if (elapsedMs >= this.#limits.timeoutMs) {',
        replace: 'if (elapsedMs === Infinity) {',
      },
    ],
  },
  {
    name: 'first-image-alone-confirmed',
    about:
      'Of several images that came together only the first one is confirmed; the next boot reverts the others. No cut is needed.',
    package: 'agent',
    strategies: SWAPS,
    scenes: ['multi-image'],
    patches: [
      {
        file: 'src/update/trial.ts',
        find: 'for (const image of this.#ports.images) {',
        replace: 'for (const image of this.#ports.images.slice(0, 1)) {',
      },
    ],
  },
];
