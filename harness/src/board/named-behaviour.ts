import type { BehaviourCard } from '@brickproof/bootloader-sim';

/** The names under which firmware can be made to behave in a certain way. */
export type BehaviourName =
  'healthy' | 'self-test-fails' | 'hangs' | 'crashes' | 'reset-loop' | 'never-connects';

/** How firmware can be made to behave, whatever its image says. */
export const BEHAVIOURS: Readonly<Record<BehaviourName, Partial<BehaviourCard>>> = {
  healthy: {
    selfTest: 'pass',
    hangBeforeConfirm: false,
    crashAfterMs: undefined,
    resetLoop: false,
    neverConnects: false,
  },
  'self-test-fails': { selfTest: 'fail' },
  hangs: { hangBeforeConfirm: true },
  crashes: { crashAfterMs: 500 },
  'reset-loop': { resetLoop: true },
  'never-connects': { neverConnects: true },
};

/** The names, for people to choose from. */
export const BEHAVIOUR_NAMES: readonly BehaviourName[] = [
  'healthy',
  'self-test-fails',
  'hangs',
  'crashes',
  'reset-loop',
  'never-connects',
];
