import type { ReportedRun, RunReport } from '@brickproof/harness';

/** A run that held. */
export const HELD: ReportedRun = {
  scenario: 'good-update',
  description: 'A newer image is installed.',
  file: 'scenarios/good-update.yaml',
  entry: 'nrf-equal, serial',
  seed: 1,
  verdict: 'held',
  durationMs: 123.4,
  boardMs: 25_083.3,
  stepsDone: 12,
  stepCount: 12,
  failure: undefined,
  wear: [
    { area: 'slot1', erases: [1, 3, 0] },
    { area: 'store', erases: [0] },
  ],
};

/** Text that would break out of any markup it is not escaped in. */
export const HOSTILE = `</pre></failure>]]><script>alert("1")</script>&amp;'\u0000\u001b[31m\ud800`;

/** A run that failed, with hostile text wherever text comes from outside. */
export const FAILED: ReportedRun = {
  ...HELD,
  scenario: `hang ${HOSTILE}`,
  description: HOSTILE,
  file: `a "b" <c>.yaml`,
  entry: HOSTILE,
  verdict: 'failed',
  stepsDone: 3,
  failure: {
    line: 7,
    column: 5,
    expected: `version 1.0.0 ${HOSTILE}`,
    found: HOSTILE,
    console: ['*** Booting firmware 1.2.0+0 ***', HOSTILE],
    replay: `brickproof run 'a "b" <c>.yaml' --only hang`,
  },
};

/** A run that did not come about. */
export const NOT_RUN: ReportedRun = { ...HELD, entry: 'nrf-equal, mqtt', verdict: 'not-run' };

/** A report of these. */
export const REPORT: RunReport = {
  startedAt: '2026-02-03T04:05:06.789Z',
  durationMs: 4_567.8,
  runs: [HELD, FAILED, NOT_RUN],
};
