import { DONE, type Verdict } from '../verdict.js';

/** Takes steps one after the other; the first refusal ends it. */
export function inOrder(...steps: readonly (() => Verdict<void>)[]): Verdict<void> {
  for (const step of steps) {
    const done = step();
    if (!done.ok) return done;
  }
  return DONE;
}
