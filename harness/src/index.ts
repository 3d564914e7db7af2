export { openPty, PTY_PENDING_BYTES_MAX } from './board/pty.js';
export type { Pty } from './board/pty.js';
export { startEmbeddedBroker } from './target/embedded-broker.js';
export type { EmbeddedBroker, EmbeddedBrokerOptions } from './target/embedded-broker.js';
export { formatTarget, parseTarget } from './target/target.js';
export type { TargetSpec } from './target/target.js';
