import { ConsoleConnection } from './console-connection.js';
import type { SmpConnection } from './smp-connection.js';

/** A board in this process, seen from its serial port. */
export interface SimBoard {
  /** Bytes arrive at the board's UART. */
  uartReceive(bytes: Uint8Array): void;
  /** Calls the listener with what the board's UART sends. */
  onUartTransmit(listener: (bytes: Uint8Array) => void): void;
  /** Switches the board off. */
  close?(): void | Promise<void>;
}

/** Makes the board behind the target `sim`. */
export type SimBoardFactory = () => SimBoard | Promise<SimBoard>;

/** A connection to a board in this process. Closing it switches the board off. */
export function connectSimBoard(board: SimBoard): SmpConnection {
  const connection = new ConsoleConnection({
    name: 'sim',
    wire: {
      write: (bytes) => {
        board.uartReceive(bytes);
        return Promise.resolve();
      },
      close: async () => {
        await board.close?.();
      },
    },
  });
  board.onUartTransmit((bytes) => {
    connection.receive(bytes);
  });
  return connection;
}
