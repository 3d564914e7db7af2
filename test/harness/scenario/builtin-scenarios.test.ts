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
  it('are all there, for both models over serial and MQTT', () => {
    expect(problems).toEqual([]);
    expect(scenarios.map(({ name }) => name)).toEqual([
      'bit-rot',
      'cut-during-boot',
      'cut-during-copy',
      'cut-during-upload',
      'downgrade',
      'failed-self-test',
      'failing-writes',
      'good-update',
      'hang',
      'reset-loop',
      'resumed-upload',
      'same-version',
      'second-update-during-trial',
      'truncated-upload',
      'unstable-flash',
      'worn-out-sector',
      'wrong-key',
    ]);
    for (const { models, links, description } of scenarios) {
      expect(models).toEqual(['nrf-equal', 'stm-unequal']);
      expect(links).toEqual(['serial', 'mqtt']);
      expect(description).not.toBe('');
    }
  });

  it.each(scenarios.map((scenario) => [scenario.name, scenario] as const))(
    '%s holds',
    async (_, scenario) => {
      const plan = planRuns([scenario], NO_FILTER);
      if (!plan.ok) throw new Error('there is nothing to run');
      const { signal } = new AbortController();
      const { runs } = await runAll(plan.runs, { target: undefined, timeoutMs: 60_000, signal });
      expect(runs).toHaveLength(4 * scenario.strategies.length);
      expect(runs.filter(({ verdict }) => verdict !== 'held')).toEqual([]);
      for (const run of runs) expect(run.stepsDone).toBe(scenario.steps.length);
    },
    60_000,
  );
});
