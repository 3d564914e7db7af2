import type { FlashArea } from '../flash/flash-area.js';
import type { SwapType } from './trailer.js';

/** Where the status of an interrupted swap was found (BOOT_STATUS_SOURCE_*). */
export type StatusSource = 'none' | 'primary' | 'scratch';

/** How far a swap has come (bootutil_priv.h, boot_status). */
export interface SwapStatus {
  /** Swap-using-move first moves the primary image up by one sector; all others only swap. */
  operation: 'move' | 'swap';
  /** The sector, or group of sectors, that is being worked on; counts from 1. */
  index: number;
  /** The step within it; counts from 1. */
  state: number;
  /** Status entries go to the scratch area, because the trailer itself is being moved. */
  usesScratch: boolean;
  swapType: SwapType;
  swapSizeBytes: number;
  source: StatusSource;
}

/** The status before anything was done (boot_status_reset). */
export function resetStatus(operation: SwapStatus['operation'] = 'swap'): SwapStatus {
  return {
    operation,
    index: 1,
    state: 1,
    usesScratch: false,
    swapType: 'none',
    swapSizeBytes: 0,
    source: 'none',
  };
}

/** Whether nothing has been done yet (boot_status_is_reset). */
export function isReset(status: SwapStatus, firstOperation: SwapStatus['operation']): boolean {
  return status.operation === firstOperation && status.index === 1 && status.state === 1;
}

/** Where status entries lie in an area. */
export interface StatusEntries {
  readonly offset: number;
  readonly count: number;
  readonly sizeBytes: number;
}

/** The number of the last entry that was written, counting from 1; 0 when there is none. */
export function lastWrittenEntry(area: FlashArea, entries: StatusEntries): number {
  for (let number = entries.count; number > 0; number -= 1) {
    if (isWritten(area, entries, number - 1)) return number;
  }
  return 0;
}

/** Whether an entry has been written: its first byte tells. */
export function isWritten(area: FlashArea, entries: StatusEntries, index: number): boolean {
  return area.read(entries.offset + index * entries.sizeBytes, 1)[0] !== area.erasedValue;
}
