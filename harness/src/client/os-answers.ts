/** How the device buffers requests (Zephyr's os group, "MCUmgr parameters"). */
export interface SmpParams {
  /** The largest message, header included. */
  readonly bufSizeBytes: number;
  readonly bufCount: number;
}

/** What is below the application (Zephyr's os group, "Bootloader information"). */
export interface BootloaderInfo {
  readonly bootloader: string;
  /** MCUboot's mode number, if the device says. */
  readonly mode: number | undefined;
  readonly modeName: string | undefined;
  readonly noDowngrade: boolean;
}

/** How a reset is asked for. */
export interface ResetOptions {
  /** Reset even if the application objects. */
  readonly force?: boolean;
}

const BOOTLOADER_MODES: ReadonlyMap<number, string> = new Map([
  [-1, 'unknown'],
  [0, 'single-slot'],
  [1, 'swap-scratch'],
  [2, 'overwrite-only'],
  [3, 'swap-move'],
  [4, 'direct-xip'],
  [5, 'direct-xip-with-revert'],
  [6, 'ram-load'],
  [7, 'firmware-loader'],
  [8, 'single-slot-ram-load'],
  [9, 'swap-offset'],
]);

/** The name of a MCUboot mode number. */
export function bootloaderModeName(mode: number): string {
  return BOOTLOADER_MODES.get(mode) ?? `mode ${mode}`;
}
