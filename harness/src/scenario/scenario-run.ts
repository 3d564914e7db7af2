import type { StrategyName, VerificationKey } from '@brickproof/bootloader-sim';
import type { DeviceModelName } from '../board/device-model.js';
import { SECOND_IMAGE_SAMPLE_DEFAULT } from '../board/factory-images.js';
import type { LinkKind } from './device-schema.js';
import type { ImageShelf } from './image-shelf.js';
import type { Scenario } from './scenario.js';

/** One entry of a scenario's matrix, ready to be run. */
export interface ScenarioRun {
  readonly scenario: Scenario;
  readonly model: DeviceModelName;
  readonly strategy: StrategyName;
  /** `target`: the device is not ours. */
  readonly link: LinkKind | 'target';
  readonly seed: number;
  readonly keys: readonly VerificationKey[];
  readonly images: ImageShelf;
}

/** What the second image of a board leaves the factory with; undefined where there is none. */
export function secondImageOf({ scenario, model, link }: ScenarioRun): string | undefined {
  if (model !== 'nrf-dual' || link === 'target') return undefined;
  return scenario.board.secondImage ?? SECOND_IMAGE_SAMPLE_DEFAULT;
}

/** How an entry of the matrix is called in reports: `nrf-equal, serial`. */
export function describeEntry(run: ScenarioRun): string {
  const { scenario, model, strategy, link } = run;
  if (link === 'target') return link;
  const words = scenario.strategies.length > 1 ? [model, link, strategy] : [model, link];
  return words.join(', ');
}

/** What to type to run this entry once more. */
export function replayCommand(run: ScenarioRun, target?: string): string {
  const { scenario, model, strategy, link, seed } = run;
  const flags = [`--only ${scenario.name}`, `--model ${model}`];
  if (link === 'target') flags.push(`--target ${quote(target ?? '')}`);
  else {
    flags.push(`--link ${link}`);
    if (scenario.strategies.length > 1) flags.push(`--strategy ${strategy}`);
    flags.push(`--seed ${seed}`);
  }
  return `brickproof run ${quote(scenario.file)} ${flags.join(' ')}`;
}

/** As a shell takes it. */
function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
