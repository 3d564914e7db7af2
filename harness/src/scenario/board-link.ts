import { accept, DONE, reject, type Verdict } from '@brickproof/bootloader-sim';
import { serveOnMqtt } from '../board/serve-mqtt.js';
import { serveOnPty, serveOnTcp, type ServedUart } from '../board/serve-uart.js';
import type { VirtualBoard } from '../board/virtual-board.js';
import { startEmbeddedBroker } from '../target/embedded-broker.js';
import { startBrokerProxy } from './broker-proxy.js';
import type { LinkKind } from './device-schema.js';

/** The way to a virtual board. It can be taken away and brought back, as the real one can. */
export interface BoardLink {
  readonly kind: LinkKind;
  readonly isUp: boolean;
  /** As a target; another one each time the link comes back as a new port. */
  readonly target: string;
  down(): void;
  up(): Promise<Verdict<void, string>>;
  close(): Promise<void>;
}

/** Offers a board over a link, before it is switched on. */
export function openBoardLink(
  kind: LinkKind,
  board: VirtualBoard,
): Promise<Verdict<BoardLink, string>> {
  switch (kind) {
    case 'serial':
      return openUartLink(kind, () => serveOnPty(board));
    case 'tcp':
      return openUartLink(kind, () => serveOnTcp(board, 0));
    case 'mqtt':
      return openMqttLink(board);
  }
}

async function openUartLink(
  kind: 'serial' | 'tcp',
  serve: () => Promise<Verdict<ServedUart, string>>,
): Promise<Verdict<BoardLink, string>> {
  const first = await serve();
  if (!first.ok) return first;
  let served: ServedUart | undefined = first.value;
  let target = served.target;
  const down = (): void => {
    served?.close();
    served = undefined;
  };
  return accept({
    kind,
    get isUp() {
      return served !== undefined;
    },
    get target() {
      return target;
    },
    down,
    up: async () => {
      if (served !== undefined) return DONE;
      const again = await serve();
      if (!again.ok) return again;
      served = again.value;
      target = served.target;
      return DONE;
    },
    close: () => {
      down();
      return Promise.resolve();
    },
  });
}

/** The board reaches the broker through a proxy; whoever talks to it, directly. */
async function openMqttLink(board: VirtualBoard): Promise<Verdict<BoardLink, string>> {
  const broker = await startEmbeddedBroker();
  const proxy = await startBrokerProxy(broker.port);
  const served = await serveOnMqtt(board, { brokerUrl: proxy.url });
  const close = async (): Promise<void> => {
    if (served.ok) served.value.close();
    await proxy.close();
    await broker.close();
  };
  if (!served.ok) {
    await close();
    return reject(served.code, served.detail);
  }
  let isUp = true;
  return accept({
    kind: 'mqtt',
    get isUp() {
      return isUp;
    },
    target: `${broker.url}/${board.deviceId}`,
    down: () => {
      isUp = false;
      proxy.cut();
    },
    up: () => {
      isUp = true;
      proxy.restore();
      return Promise.resolve(DONE);
    },
    close,
  });
}
