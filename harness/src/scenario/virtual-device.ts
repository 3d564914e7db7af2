import { setTimeout as sleep } from 'node:timers/promises';
import type { DocumentPath } from '@brickproof/agent/node';
import { accept, DONE, reject, type Verdict } from '@brickproof/bootloader-sim';
import type { VirtualBoard } from '../board/virtual-board.js';
import type { CutPhase, PhasedFaultDocument } from '../fault/fault-schema.js';
import { readFault, readStruck } from '../fault/read-fault.js';
import type { SmpClient } from '../client/smp-client.js';
import type { SmpResult } from '../client/smp-result.js';
import { ArmedFaults } from './armed-faults.js';
import { openBoardLink, type BoardLink } from './board-link.js';
import { makeBoard, type BoardSetup } from './board-setup.js';
import { BoardTime } from './board-time.js';
import { ConsoleLog } from './console-log.js';
import { DeviceSession, type Patience } from './device-session.js';
import { observeBoard } from './observe-board.js';
import { isUnreachable } from './refusal-code.js';
import type {
  BoardControls,
  DeviceBench,
  Observation,
  ScenarioDevice,
  TalkPurpose,
  TalkResult,
} from './scenario-device.js';
import type { PlannedCut } from './step.js';
import { TimedCuts } from './timed-cuts.js';

/** The line that sending takes time on: 115200 baud, ten bits a byte. */
const LINE_BYTES_PER_MS = 11.52;
/** A board that has not started its firmware after this has none to start. */
const BOOT_MS_MAX = 2_000;
const RESET_MS_MAX = 5_000;
/** A connection that breaks although the board is there is opened again so often. */
const TALK_ATTEMPTS_MAX = 5;
/** Times the attempt: what is in the way, such as a port still being closed, needs a moment. */
const TALK_PAUSE_MS = 20;
/** How long a connection may take to notice that its link is gone, in real time. */
const LOSS_NOTICE_MS_MAX = 2_000;
const LOSS_POLL_MS = 5;
const SEQUENCES = 256;

const PATIENT = { timeoutMs: 2_500, retries: 3, connectTimeoutMs: 5_000 };
/** Nobody is there: how long it takes to find out makes no difference to the story. */
const HOPELESS = { timeoutMs: 50, retries: 0, connectTimeoutMs: 300 };

/** Makes virtual boards from this; each `start` a new one. */
export function createVirtualBench(setup: BoardSetup, signal: AbortSignal): DeviceBench {
  return {
    start: async (image) => {
      const board = makeBoard(setup, image);
      if (!board.ok) return board;
      const link = await openBoardLink(setup.link, board.value);
      if (!link.ok) return link;
      const device = new VirtualDevice({ setup, board: board.value, link: link.value, signal });
      const started = await device.start();
      if (started.ok) return accept(device);
      await device.close();
      return { ...started, console: device.console.lines };
    },
  };
}

interface VirtualDeviceParts {
  readonly setup: BoardSetup;
  readonly board: VirtualBoard;
  readonly link: BoardLink;
  readonly signal: AbortSignal;
}

/** A virtual board on which a scenario runs. */
class VirtualDevice implements ScenarioDevice {
  readonly console: ConsoleLog = new ConsoleLog();
  readonly controls: BoardControls;
  readonly #parts: VirtualDeviceParts;
  readonly #cuts: TimedCuts = new TimedCuts();
  readonly #faults: ArmedFaults;
  readonly #time: BoardTime;
  readonly #session: DeviceSession;
  #purpose: TalkPurpose | undefined;
  #seen = '';

  constructor(parts: VirtualDeviceParts) {
    this.#parts = parts;
    const { board, link, signal } = parts;
    this.#faults = new ArmedFaults(board, () => this.#phase());
    this.#time = new BoardTime({
      board,
      link,
      signal,
      cuts: this.#cuts,
      onPassed: () => {
        this.#noteBoard();
      },
    });
    this.#session = new DeviceSession({
      target: () => link.target,
      patience: () => this.#patience(),
      beforeSend: (lengthBytes) => {
        this.#time.advance(lengthBytes / LINE_BYTES_PER_MS);
      },
    });
    board.listen({
      uart: (bytes) => {
        this.console.add(bytes);
      },
      // The board is off only once the interrupted operation has come to its end.
      fault: () => {
        queueMicrotask(() => {
          this.#noteBoard();
        });
      },
    });
    this.controls = this.#createControls();
    signal.addEventListener('abort', () => void this.#lose('the run was stopped'), { once: true });
  }

  /** Switches on for the first time. */
  async start(): Promise<Verdict<void, string>> {
    const { faults } = this.#parts.setup.board;
    for (const [index, fault] of faults.entries()) {
      const isOn = this.controls.switchFault(fault, ['device', 'faults', index]);
      if (!isOn) return reject('board-faults-too-many', `the board takes no ${index + 1} faults`);
    }
    await this.controls.powerOn();
    if (this.#parts.board.state.power === 'running') return DONE;
    const { power } = this.#parts.board.state;
    return reject('board-not-running', `the board does not run its firmware: it is ${power}`);
  }

  nowMs(): number {
    return this.#time.nowMs();
  }

  pass(durationMs: number, until?: () => Promise<boolean>): Promise<boolean> {
    return this.#time.pass(durationMs, until);
  }

  observe(): Promise<Observation> {
    return Promise.resolve(observeBoard(this.#parts.board, this.#parts.setup.strategy));
  }

  async talk<T>(
    purpose: TalkPurpose,
    ask: (client: SmpClient) => Promise<SmpResult<T>>,
  ): Promise<TalkResult<T>> {
    for (let attempt = 1; ; attempt += 1) {
      await this.#time.settleNetwork();
      const before = this.#boardMark();
      this.#purpose = purpose;
      const result = await this.#session.ask(ask);
      this.#purpose = undefined;
      const isOver = result.ok || !isPassing(result.code) || before !== this.#boardMark();
      if (isOver || attempt === TALK_ATTEMPTS_MAX || !this.#isThere()) return result;
      await sleep(TALK_PAUSE_MS * attempt);
    }
  }

  awaitReset(): Promise<boolean> {
    const { bootCount } = this.#parts.board.state;
    const { board } = this.#parts;
    return this.pass(RESET_MS_MAX, () =>
      Promise.resolve(board.state.bootCount !== bootCount || board.state.power === 'off'),
    );
  }

  async close(): Promise<void> {
    await this.#session.drop({ code: 'closed-by-us', detail: 'the scenario is over' });
    this.#parts.board.faults.switchAllOff();
    this.#parts.board.powerOff();
    await this.#parts.link.close();
  }

  #createControls(): BoardControls {
    const { board } = this.#parts;
    const cuts = this.#cuts;
    const faults = this.#faults;
    return {
      powerOn: async () => {
        board.powerOn();
        await this.#awaitBoot();
      },
      powerOff: () => {
        board.powerOff();
        this.#noteBoard();
        return Promise.resolve();
      },
      pressReset: async () => {
        board.reset();
        this.#noteBoard();
        await this.#awaitBoot();
      },
      planCut: (cut, path) => this.#planCut(cut, path),
      switchFault: (fault, path) => this.#switchFault(fault, path),
      get waiting() {
        const path = cuts.waiting;
        return path === undefined ? faults.waiting : { path, expected: 'the power to be cut' };
      },
      get wear() {
        return board.wear;
      },
      setLink: (to) => (to === 'up' ? this.#linkUp() : this.#linkDown()),
    };
  }

  #planCut(cut: PlannedCut, path: DocumentPath): boolean {
    if (cut.kind === 'time') return this.#cuts.plan({ path, dueMs: this.nowMs() + cut.afterMs });
    const fault = readStruck('power-cut', cut.cut, this.#parts.board.model);
    if (!fault.ok) throw new RangeError(fault.detail);
    return this.#faults.switchOn(fault.value, path, cut.cut.during);
  }

  #switchFault(document: 'off' | PhasedFaultDocument, path: DocumentPath): boolean {
    const { board } = this.#parts;
    if (document === 'off') {
      board.faults.switchAllOff();
      return true;
    }
    const fault = readFault(document, board.model);
    if (!fault.ok) throw new RangeError(fault.detail);
    return this.#faults.switchOn(fault.value, path, document.failure?.during);
  }

  async #linkUp(): Promise<Verdict<void, string>> {
    const up = await this.#parts.link.up();
    await this.#time.settleNetwork();
    return up;
  }

  /** Takes the link away, and lets both ends notice. */
  async #linkDown(): Promise<Verdict<void, string>> {
    this.#parts.link.down();
    await this.#time.settleNetworkLoss();
    const giveUpMs = performance.now() + LOSS_NOTICE_MS_MAX;
    while (this.#session.isConnected && performance.now() < giveUpMs) await sleep(LOSS_POLL_MS);
    await this.#lose('the link was taken away');
    return DONE;
  }

  async #awaitBoot(): Promise<void> {
    const { board } = this.#parts;
    await this.pass(BOOT_MS_MAX, () => Promise.resolve(board.state.power !== 'starting'));
  }

  /** A board that was reset, or lost its power, takes its connection with it. */
  #noteBoard(): void {
    const mark = this.#boardMark();
    if (mark === this.#seen) return;
    this.#seen = mark;
    const isOff = this.#parts.board.state.power === 'off';
    void this.#lose(isOff ? 'the board lost its power' : 'the board was reset');
  }

  #lose(detail: string): Promise<void> {
    return this.#session.drop({ code: 'connection-lost', detail });
  }

  /** Changes whenever the firmware ends. */
  #boardMark(): string {
    const { power, bootCount } = this.#parts.board.state;
    return `${bootCount} ${power === 'off' ? 'off' : 'on'}`;
  }

  /** Whether the board could answer: it runs, and its link is there. */
  #isThere(): boolean {
    const { board, link, signal } = this.#parts;
    return board.state.power === 'running' && link.isUp && !signal.aborted;
  }

  #patience(): Patience {
    const { seed } = this.#parts.setup;
    return { ...(this.#isThere() ? PATIENT : HOPELESS), firstSequence: seed % SEQUENCES };
  }

  /** What the board is at, for cuts that wait for it. */
  #phase(): CutPhase | undefined {
    const { power, trial } = this.#parts.board.state;
    if (power === 'starting') return 'boot';
    if (this.#purpose === 'upload' || this.#purpose === 'mark') return this.#purpose;
    return trial === 'testing' ? 'confirm' : undefined;
  }
}

/** A refusal of the way, not of the board; nobody but us has its port open. */
function isPassing(code: string): boolean {
  return isUnreachable(code) || code === 'target-busy';
}
