import { describe, expect, it } from 'vitest';
import { builtinScenarioFiles, loadScenarios, planRuns, runAll } from '@brickproof/harness';

const { scenarios, problems } = loadScenarios(builtinScenarioFiles());
const NO_FILTER = {
  only: [],
  model: undefined,
  link: undefined,
  strategy: undefined,
  seed: undefined,
  target: undefined,
};

describe('the scenarios that come with Brickproof', () => {
  it('are all there, for every model over serial and MQTT', () => {
    expect(problems).toEqual([]);
    expect(scenarios.map(({ name }) => name)).toEqual([
      'bit-rot',
      'cut-during-boot',
      'cut-during-copy',
      'cut-during-swap',
      'cut-during-upload',
      'downgrade',
      'failed-self-test',
      'failing-writes',
      'good-update',
      'hang',
      'reset-loop',
      'resumed-upload',
      'same-version-swap',
      'same-version',
      'second-update-during-trial',
      'truncated-upload',
      'two-images-rolled-back',
      'two-images',
      'unstable-flash',
      'worn-out-sector',
      'wrong-key',
    ]);
    for (const { name, models, links, description } of scenarios) {
      const single = ['nrf-equal', 'stm-unequal'];
      expect(models).toEqual(name.startsWith('two-images') ? ['nrf-dual'] : single);
      expect(links).toEqual(['serial', 'mqtt']);
      expect(description).not.toBe('');
    }
  });

  it('are told with every strategy that their board can do', () => {
    const plan = planRuns(scenarios, { ...NO_FILTER, only: ['good-update'], link: 'serial' });
    if (!plan.ok) throw new Error('there is nothing to run');
    expect(plan.runs.map(({ model, strategy }) => `${model} ${strategy}`)).toEqual([
      'nrf-equal direct-xip',
      'nrf-equal swap-using-offset',
      'nrf-equal swap-using-move',
      'nrf-equal swap-using-scratch',
      'stm-unequal direct-xip',
      'stm-unequal swap-using-scratch',
    ]);
  });

  it.each(scenarios.map((scenario) => [scenario.name, scenario] as const))(
    '%s holds',
    async (_, scenario) => {
      const plan = planRuns([scenario], NO_FILTER);
      if (!plan.ok) throw new Error('there is nothing to run');
      const { signal } = new AbortController();
      const { runs } = await runAll(plan.runs, { target: undefined, timeoutMs: 60_000, signal });
      expect(runs).toHaveLength(plan.runs.length);
      expect(runs.filter(({ verdict }) => verdict !== 'held')).toEqual([]);
      for (const run of runs) expect(run.stepsDone).toBe(scenario.steps.length);
    },
    60_000,
  );
});
