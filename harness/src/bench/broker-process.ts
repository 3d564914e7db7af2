import { startEmbeddedBroker } from '../target/embedded-broker.js';

/** A broker in a process of its own, as brokers are; its port goes to standard output. */
const broker = await startEmbeddedBroker();
process.stdout.write(`${broker.port}\n`);
process.stdin.resume();
process.stdin.once('end', () => process.exit());
