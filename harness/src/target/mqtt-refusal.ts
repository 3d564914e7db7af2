import type { MqttProblem, MqttProblemCode } from '@brickproof/agent/node';
import { reject } from '@brickproof/bootloader-sim';
import type { Rejected } from '@brickproof/bootloader-sim';
import type { TargetRejectCode } from './smp-connection.js';

const CODES: Readonly<Record<MqttProblemCode, TargetRejectCode>> = {
  'mqtt-host-unknown': 'target-not-found',
  'mqtt-broker-unreachable': 'target-unreachable',
  'mqtt-broker-silent': 'target-timeout',
  'mqtt-connection-closed': 'target-unreachable',
  'mqtt-identifier-contested': 'target-busy',
  'mqtt-certificate-expired': 'target-untrusted',
  'mqtt-certificate-not-yet-valid': 'target-untrusted',
  'mqtt-certificate-untrusted': 'target-untrusted',
  'mqtt-certificate-wrong-host': 'target-untrusted',
  'mqtt-client-certificate-refused': 'target-access-denied',
  'mqtt-tls-failed': 'target-unreachable',
  'mqtt-protocol-refused': 'target-unreachable',
  'mqtt-identifier-refused': 'target-access-denied',
  'mqtt-broker-unavailable': 'target-unreachable',
  'mqtt-credentials-refused': 'target-access-denied',
  'mqtt-not-authorised': 'target-access-denied',
  'mqtt-subscription-refused': 'target-access-denied',
  'mqtt-packet-too-large': 'target-unreachable',
  'mqtt-packet-malformed': 'target-unreachable',
  'mqtt-outgoing-full': 'target-unreachable',
};

/** A broker that is not reached, as a target that is not. */
export function refuseMqttProblem(problem: MqttProblem): Rejected<TargetRejectCode> {
  return reject(CODES[problem.code], problem.detail);
}
