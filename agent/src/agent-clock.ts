/** The time that has passed since the device started, never going back. */
export interface AgentClock {
  nowMs(): number;
}
