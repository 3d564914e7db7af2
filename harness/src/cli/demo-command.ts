import type { Command } from 'commander';
import { DemoReport } from '../demo/demo-report.js';
import { DemoImpossible, tellDemo } from '../demo/demo-story.js';
import { addVerb } from './command-tree.js';
import { EXIT } from './exit-status.js';
import { failed, held, report, type CliOutcome, type JsonValue } from './outcome.js';

const INTRODUCTION = [
  'Brickproof: can this update path be bricked, or be made to install what it must not?',
  'What follows happens on virtual boards and a broker in this process. Real images, real serial',
  'ports, real MQTT; only the boards are simulated. Every line with a tick was checked.',
];

/** `brickproof demo`: the whole story, on boards and a broker of its own. */
export function addDemoCommand(program: Command): void {
  const command = addVerb(program, {
    usage: 'demo',
    description: 'tell the whole story on virtual boards: updates, rollbacks, refusals, power cuts',
    example: 'brickproof demo',
  });
  command.action(async () => {
    const { json } = command.optsWithGlobals<{ readonly json?: boolean }>();
    const stream = json === true ? process.stderr : process.stdout;
    const write = (line: string): void => {
      stream.write(`${line}\n`);
    };
    for (const line of INTRODUCTION) write(line);
    const demo = new DemoReport(write);
    const startedMs = performance.now();
    report(command, await outcomeOf(demo, startedMs));
  });
}

async function outcomeOf(demo: DemoReport, startedMs: number): Promise<CliOutcome> {
  try {
    await tellDemo(demo);
  } catch (error) {
    if (!(error instanceof DemoImpossible)) throw error;
    return failed(
      EXIT.failed,
      'demo-impossible',
      `the demonstration cannot go on: ${error.message}`,
    );
  }
  const claims = demo.claims.map((claim): JsonValue => ({ ...claim }));
  const seconds = Number(((performance.now() - startedMs) / 1000).toFixed(1));
  const heldCount = demo.claims.filter((claim) => claim.held).length;
  const summary = `\n${heldCount} of ${demo.claims.length} claims held, in ${seconds} s.`;
  const next = ' Next: npx brickproof board, then npx brickproof --help.';
  if (demo.held) return held({ claims, seconds }, summary + next);
  const first = demo.claims.find((claim) => !claim.held);
  const sentence = `"${first?.claim ?? 'nothing was checked'}" did not hold; run it again with: brickproof demo`;
  const outcome = failed(EXIT.failed, 'demo-claim-broken', sentence);
  return { ...outcome, json: { ...outcome.json, claims, seconds }, text: summary };
}
