/** Of this agent, as in its package. A bundle has it built in. */
declare const BRICKPROOF_AGENT_VERSION: string | undefined;

/** The agent's version; `development` when it runs from its sources' build. */
export function agentVersion(): string {
  return typeof BRICKPROOF_AGENT_VERSION === 'string' ? BRICKPROOF_AGENT_VERSION : 'development';
}
