import { describeSurvival } from '../agent/node/transport/mqtt-survival.js';
import { describeTls } from '../agent/node/transport/mqtt-tls.js';
import type { TestBrokerKind } from '../agent/node/transport/test-broker.js';
import { createMosquitto } from './mosquitto-broker.js';
import { findPeer } from './peers.js';

const peer = findPeer('mosquitto');

const MOSQUITTO: TestBrokerKind = {
  name: 'mosquitto',
  isSkipped: peer.isSkipped,
  titleSuffix: peer.titleSuffix,
  // It speaks of rights either way: whoever guesses learns nothing.
  wrongPassword: 'mqtt-not-authorised',
  stranger: 'mqtt-client-certificate-refused',
  seeds: [1, 2, 3, 4, 5, 6],
  create: async (options) => {
    const broker = await createMosquitto(peer.command(), options);
    await broker.start();
    return broker;
  },
};

describeSurvival(MOSQUITTO);
describeTls(MOSQUITTO);
