import type { Arrival, Frontier, RunDescription } from './frontier.js';
import type { Finding } from './explorer.js';

/** One run on the way to a finding, and where it ended. */
export interface TraceStep {
  readonly run: RunDescription;
  /** The operation in which the power went, counted in the boot or in the session; -1: at the end. */
  readonly operation: number;
  /** Which tear of the operation; -1: nothing of it was done. */
  readonly tear: number;
}

/** The runs that lead from the start to a finding; the last one is that in which it was found. */
export function pathTo(frontier: Frontier, { state, run }: Finding): readonly TraceStep[] {
  const steps: TraceStep[] = [{ run, operation: -1, tear: -1 }];
  const seen = new Set<number>();
  let arrival: Arrival | undefined = frontier.arrivalOf(state);
  while (arrival !== undefined && !seen.has(arrival.parent)) {
    const { parent, operation, tear } = arrival;
    seen.add(parent);
    steps.unshift({ run: arrival.run, operation, tear });
    arrival = frontier.arrivalOf(parent);
  }
  return steps;
}
