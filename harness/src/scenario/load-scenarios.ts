import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readFileText } from '../cli/files.js';
import { readScenario } from './read-scenario.js';
import type { Scenario, ScenarioProblem } from './scenario.js';

/** The most files of one run. */
export const SCENARIO_FILES_MAX = 256;

/** The folder of the scenarios that come with Brickproof. */
export const SCENARIOS_FOLDER: string = fileURLToPath(new URL('../../scenarios', import.meta.url));

/** The files of the scenarios that come with Brickproof, as seen from the working folder. */
export function builtinScenarioFiles(): readonly string[] {
  return readdirSync(SCENARIOS_FOLDER)
    .filter((name) => name.endsWith('.yaml'))
    .toSorted()
    .map((name) => shortPath(join(SCENARIOS_FOLDER, name)));
}

/** Reads the files; every problem of every file is told. */
export function loadScenarios(files: readonly string[]): {
  readonly scenarios: readonly Scenario[];
  readonly problems: readonly ScenarioProblem[];
} {
  const scenarios: Scenario[] = [];
  const problems: ScenarioProblem[] = [];
  for (const file of files.slice(0, SCENARIO_FILES_MAX)) {
    const text = readFileText(file);
    const read = text.ok ? readScenario(text.value, file) : undefined;
    if (!text.ok) problems.push({ file, sentence: text.detail });
    if (read?.ok === false) problems.push(...read.problems);
    if (read?.ok === true) scenarios.push(read.scenario);
  }
  if (files.length > SCENARIO_FILES_MAX) {
    const sentence = `${files.length} files, at most ${SCENARIO_FILES_MAX} at once`;
    problems.push({ file: files[SCENARIO_FILES_MAX] ?? '', sentence });
  }
  problems.push(...findDoubles(scenarios));
  return { scenarios, problems };
}

/** Two scenarios of one name could not be told apart by --only. */
function findDoubles(scenarios: readonly Scenario[]): readonly ScenarioProblem[] {
  const first = new Map<string, Scenario>();
  const problems: ScenarioProblem[] = [];
  for (const scenario of scenarios) {
    const other = first.get(scenario.name);
    if (other === undefined) first.set(scenario.name, scenario);
    else {
      const sentence = `${other.file} has a scenario "${scenario.name}" already; name this one otherwise`;
      problems.push({ file: scenario.file, ...scenario.placeOf(['name']), sentence });
    }
  }
  return problems;
}

function shortPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') ? path : short;
}
