import type { DocumentPath } from '@brickproof/agent/node';
import type { TargetSpec } from '../target/target.js';
import type { ConditionKey, ConditionsDocument } from './condition-schema.js';
import type { Scenario, ScenarioProblem } from './scenario.js';
import type { Step } from './step.js';

interface Misfit {
  readonly path: DocumentPath;
  readonly what: string;
}

const BOARD_CONDITIONS: readonly ConditionKey[] = [
  'trial',
  'power',
  'reset-cause',
  'boot-count',
  'security-counter',
];
const CONSOLE_CONDITIONS: readonly ConditionKey[] = ['console', 'not-console'];

/** What of a scenario needs a virtual board, when it is to run on a device that is none. */
export function checkTargetFit(scenario: Scenario, target: TargetSpec): readonly ScenarioProblem[] {
  const misfits = [
    ...boardMisfits(scenario),
    ...scenario.steps.flatMap((step) => stepMisfits(step, target)),
  ];
  return misfits.map(({ path, what }) => ({
    file: scenario.file,
    ...scenario.placeOf(path),
    sentence: `${what}; leave it out, or run without --target`,
  }));
}

/** A real device is made as it is; which model, link and keys it has is not ours to say. */
function boardMisfits({ board }: Scenario): readonly Misfit[] {
  const { securityCounter, secondImage, behaviour, settleMs, timeoutMs } = board;
  const set = {
    'security-counter': securityCounter !== undefined,
    agent: !board.agentVerifies,
    behaviour: behaviour !== undefined,
    'second-image': secondImage !== undefined,
    'confirm-by': !board.confirmsItself,
    faults: board.faults.length > 0,
    trial: settleMs !== undefined || timeoutMs !== undefined,
  };
  return Object.entries(set)
    .filter(([, isSet]) => isSet)
    .map(([key]) => ({
      path: ['device', key],
      what: `"device.${key}" makes a virtual board, a real one is as it is`,
    }));
}

function stepMisfits({ action, path }: Step, target: TargetSpec): readonly Misfit[] {
  switch (action.kind) {
    case 'power':
    case 'cut':
      return [{ path, what: 'power can only be switched on a virtual board' }];
    case 'fault':
      return [{ path, what: 'only the flash of a virtual board can be made faulty' }];
    case 'link':
      return [{ path, what: 'the link can only be taken away from a virtual board' }];
    case 'reset':
      return action.how === 'pin'
        ? [{ path, what: 'the reset button can only be pressed on a virtual board' }]
        : [];
    case 'expect':
    case 'wait-until':
      return conditionMisfits(action.conditions, [...path, action.kind], target);
    default:
      return [];
  }
}

function conditionMisfits(
  conditions: ConditionsDocument,
  path: DocumentPath,
  target: TargetSpec,
): readonly Misfit[] {
  const hasConsole = target.kind === 'serial' || target.kind === 'tcp' || target.kind === 'sim';
  return [
    ...BOARD_CONDITIONS.filter((key) => conditions[key] !== undefined).map((key) => ({
      path: [...path, key],
      what: `"${key}" can only be seen of a virtual board`,
    })),
    ...CONSOLE_CONDITIONS.filter((key) => !hasConsole && conditions[key] !== undefined).map(
      (key) => ({
        path: [...path, key],
        what: `the console of a device cannot be seen over ${target.kind}`,
      }),
    ),
  ];
}
