import { SmpClient } from '../client/smp-client.js';
import { isUnreachable } from '../scenario/refusal-code.js';
import type { MqttAccess } from '../target/mqtt-access.js';
import { openTarget } from '../target/open-target.js';
import type { TargetRejectCode } from '../target/smp-connection.js';
import type { TargetSpec } from '../target/target.js';
import { EXIT } from './exit-status.js';
import { failed, type CliOutcome } from './outcome.js';

/** A device that is not ours, and how it is reached. */
export interface NamedTarget {
  /** As it was written. */
  readonly text: string;
  readonly spec: TargetSpec;
  readonly mqtt: MqttAccess;
}

/** Together about as long as a device takes that restarts when its port is opened. */
const PATIENCE = { timeoutMs: 1_000, retries: 4 };

const USAGE_CODES: ReadonlySet<TargetRejectCode> = new Set<TargetRejectCode>([
  'target-malformed',
  'target-plaintext-refused',
  'target-credentials-malformed',
]);

/**
 * Finds out whether a device answers there at all; a way that opens is not enough, for over some
 * of them (UDP, a serial port) nobody has to be at the other end. Undefined when one does.
 */
export async function checkTargetAnswers({
  spec,
  mqtt,
}: NamedTarget): Promise<CliOutcome | undefined> {
  const opened = await openTarget(spec, { mqtt });
  if (!opened.ok) {
    const status = USAGE_CODES.has(opened.code) ? EXIT.usage : EXIT.unreachable;
    return failed(status, opened.code, opened.detail);
  }
  const client = new SmpClient(opened.value, PATIENCE);
  const answer = await client.echo('');
  await client.close();
  // A refusal is an answer too.
  if (answer.ok || !isUnreachable(answer.code)) return undefined;
  return failed(EXIT.unreachable, answer.code, answer.detail);
}
