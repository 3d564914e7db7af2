/** How a command ends: what a script can act on. */
export const EXIT = {
  /** Everything held. */
  held: 0,
  /** Something did not hold: the device refused, an image is not what it should be. */
  failed: 1,
  /** Wrong usage: a flag, a path, a target that cannot be meant. */
  usage: 2,
  /** The target cannot be reached. */
  unreachable: 3,
} as const;

/** One of the exit statuses. */
export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];
