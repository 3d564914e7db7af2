import { accept, reject } from '@brickproof/bootloader-sim';
import type { Verdict } from '@brickproof/bootloader-sim';
import { connectSimBoard } from './sim-target.js';
import type { MqttTargetOptions } from './mqtt-access.js';
import type { SimBoardFactory } from './sim-target.js';
import type { OpenOptions, SmpConnection, TargetRejectCode } from './smp-connection.js';
import type { TargetSpec } from './target.js';
import { openTcpTarget } from './tcp-target.js';
import { openUdpTarget } from './udp-target.js';

/** What opening a target may need. */
export interface OpenTargetOptions extends OpenOptions {
  /** Makes the board behind `sim`. */
  readonly createSimBoard?: SimBoardFactory;
  /** How brokers are reached, for targets of that kind. */
  readonly mqtt?: MqttTargetOptions;
}

/**
 * Opens a target of any kind. The refusal says in a sentence what to do; its code is one of
 * `TargetRejectCode`.
 */
export async function openTarget(
  spec: TargetSpec,
  options: OpenTargetOptions = {},
): Promise<Verdict<SmpConnection, TargetRejectCode>> {
  switch (spec.kind) {
    case 'sim':
      if (options.createSimBoard === undefined) {
        return reject(
          'target-unavailable',
          'there is no simulated board here; name another target',
        );
      }
      return openSimTarget(options.createSimBoard);
    // The libraries for these two are large; whoever needs the other kinds starts without them.
    case 'serial': {
      const { openSerialTarget } = await import('./serial-target.js');
      return openSerialTarget(spec);
    }
    case 'tcp':
      return openTcpTarget(spec, options);
    case 'udp':
      return openUdpTarget(spec);
    case 'mqtt': {
      const { openMqttTarget } = await import('./mqtt-target.js');
      return openMqttTarget(spec, { ...options.mqtt, ...options });
    }
  }
}

/** A board that cannot be made says why by throwing. */
async function openSimTarget(
  createSimBoard: SimBoardFactory,
): Promise<Verdict<SmpConnection, TargetRejectCode>> {
  try {
    return accept(connectSimBoard(await createSimBoard()));
  } catch (error) {
    return reject('target-unavailable', error instanceof Error ? error.message : String(error));
  }
}
