import type { Agent, MqttLink } from '@brickproof/agent';
import {
  NorFlash,
  OtpCounters,
  PowerCut,
  boot,
  formatImageVersion,
  type BehaviourCard,
  type BootLayout,
  type BootOutcome,
  type FlashArea,
  flickeringNoise,
  seededStreams,
  type FaultStrike,
  type FlashEffect,
  type FlashMap,
  type FlashWatcher,
} from '@brickproof/bootloader-sim';
import { BoardFaults } from './board-faults.js';
import type {
  BoardListener,
  BoardNetwork,
  BoardPower,
  BoardState,
  ResetCause,
  VirtualBoardOptions,
} from './board-options.js';
import { dividedFor, type DeviceModel } from './device-model.js';
import { describeStrike } from '../fault/strike-text.js';
import { wearOf, type AreaWear } from '../fault/wear.js';
import { behaviourOf, startAgent } from './firmware.js';
import { bootLayoutOf, flashMapOf, type BoardBootSettings } from './provision.js';
import { VirtualClock } from './virtual-clock.js';

/** The watchdog resets the processor when the firmware has not fed it for this long. */
export const WATCHDOG_TIMEOUT_MS = 8_000;
/** From reset to the bootloader's first instruction. */
const RESET_DELAY_MS = 20;
/** How often the firmware lets the agent work, and feeds the watchdog. */
const TICK_INTERVAL_MS = 250;
/** From the answer to a reset request to the reset (as Zephyr's MCUMGR_GRP_OS_RESET_MS). */
const RESET_REQUEST_DELAY_MS = 250;

/** Of the board's seed: faults have the others. */
const NOISE_STREAM = 0;

/** Firmware as long as it runs: its agent, and how it behaves. */
interface RunningFirmware {
  readonly booted: BootOutcome;
  readonly behaviour: BehaviourCard;
  readonly agent: Agent;
  readonly mqtt: MqttLink | undefined;
  hung: boolean;
}

/**
 * A board that never existed: flash, counters, bootloader, firmware with the agent, watchdog,
 * power and a UART. Nothing in it happens by chance or by itself: time passes in `advance`, bytes
 * arrive in `uartReceive`.
 */
export class VirtualBoard {
  readonly model: DeviceModel;
  readonly flash: NorFlash;
  readonly faults: BoardFaults;
  readonly counters: OtpCounters;
  readonly clock: VirtualClock = new VirtualClock();
  readonly #options: VirtualBoardOptions;
  readonly #map: FlashMap;
  readonly #layout: BootLayout;
  readonly #listeners: Set<BoardListener> = new Set();
  #power: BoardPower = 'off';
  #resetCause: ResetCause = 'power-on';
  #bootCount = 0;
  #firmware: RunningFirmware | undefined;
  #cancelWatchdog: (() => void) | undefined;
  #network: BoardNetwork | undefined;
  #networkConnected = false;

  constructor(options: VirtualBoardOptions) {
    this.#options = options;
    this.model = dividedFor(options.model, options.strategy);
    const streams = seededStreams(options.seed);
    this.flash = new NorFlash(options.flash, { noise: flickeringNoise(streams(NOISE_STREAM)) });
    this.faults = new BoardFaults({
      flash: this.flash,
      streams,
      onStrike: (strike) => {
        this.#tellStrike(strike);
      },
    });
    this.#map = flashMapOf(this.flash, this.model);
    this.#layout = bootLayoutOf(this.#map, settingsOf(options));
    this.counters = new OtpCounters(
      this.#layout.images.map((_, index) => counterStart(options, index)),
    );
  }

  /** A stable name, from the seed. */
  get deviceId(): string {
    return `${this.model.name}-${this.#options.seed.toString(16).padStart(4, '0')}`;
  }

  get state(): BoardState {
    return {
      power: this.#power,
      resetCause: this.#resetCause,
      bootCount: this.#bootCount,
      activeSlot: this.#firmware?.booted.slot,
      version: this.#firmware && formatImageVersion(this.#firmware.booted.image.header.version),
      otherVersions: (this.#firmware?.booted.others ?? []).map(({ image }) => {
        return formatImageVersion(image.header.version);
      }),
      trial: this.#firmware?.agent.trialState,
      securityCounter: this.counters.read(0),
      network: this.#networkState(),
    };
  }

  /** Where the images lie, and what the bootloader was built for. */
  get bootLayout(): BootLayout {
    return this.#layout;
  }

  /** What its security counters are at, one for each image, or `none` on a board without. */
  get securityCounters(): readonly number[] | 'none' {
    return this.#options.securityCounter === 'none' ? 'none' : this.counters.snapshot();
  }

  /** A named area of the flash, for those who look or reach past the agent. */
  area(name: string): FlashArea {
    return this.#map.area(name);
  }

  /** Tells the listener what happens from now on; returns what ends that. */
  listen(listener: BoardListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  powerOn(): void {
    if (this.#power === 'off') this.#restart('power-on', 0);
  }

  /** Takes the power away, whatever is going on. */
  powerOff(): void {
    this.#stop();
    this.#power = 'off';
  }

  /** Presses the reset button. */
  reset(): void {
    if (this.#power !== 'off') this.#restart('pin', 0);
  }

  /** Lets time pass. */
  advance(durationMs: number): void {
    this.#powered(() => {
      this.clock.advance(durationMs);
    });
  }

  /** Bytes arrive at the UART. */
  uartReceive(bytes: Uint8Array): void {
    const firmware = this.#listening();
    if (firmware === undefined) return;
    this.#powered(() => {
      for (const answer of firmware.agent.serialReceive(bytes)) this.#transmit(answer);
    });
  }

  /** Gives the board a network, before it is switched on. */
  attachNetwork(network: BoardNetwork): void {
    this.#network = network;
  }

  /** The broker took the connection. */
  networkConnected(): void {
    const mqtt = this.#listening()?.mqtt;
    if (mqtt === undefined) return;
    this.#networkConnected = true;
    this.#powered(() => {
      mqtt.onConnect();
    });
  }

  networkDisconnected(): void {
    this.#networkConnected = false;
  }

  /** A message arrives from the broker. */
  networkMessage(topic: string, payload: Uint8Array, retained: boolean): void {
    const mqtt = this.#listening()?.mqtt;
    this.#powered(() => {
      mqtt?.onMessage(topic, payload, { retained });
    });
  }

  /** One whole SMP message arrives, as over UDP; the answer, or undefined when there is none. */
  datagramReceive(request: Uint8Array): Uint8Array | undefined {
    const firmware = this.#listening();
    let answer: Uint8Array | undefined;
    this.#powered(() => {
      answer = firmware?.agent.handle(request);
    });
    return answer;
  }

  /** Sees every flash operation before it happens, and may cut the power in it. */
  watchFlash(watcher: FlashWatcher | undefined): void {
    this.faults.watch(watcher);
  }

  /** How often each sector of the flash was erased since the board was made. */
  get wear(): readonly AreaWear[] {
    return wearOf(this.flash, this.model);
  }

  /** Cuts the power in the n-th flash operation from now (0 is the next one). */
  cutPowerAfter(operations: number, effect: FlashEffect = 'untouched'): void {
    let left = operations;
    this.watchFlash(() => {
      left -= 1;
      if (left >= 0) return undefined;
      this.watchFlash(undefined);
      return { kind: 'power-cut', effect };
    });
  }

  #tellStrike(strike: FaultStrike): void {
    this.#print(`*** Flash fault: ${describeStrike(strike, this.model)} ***`);
    for (const listener of this.#listeners) listener.fault?.(strike);
  }

  #networkState(): BoardState['network'] {
    if (this.#firmware?.mqtt === undefined) return 'none';
    return this.#networkConnected ? 'up' : 'down';
  }

  /** The firmware, if it takes what comes from outside. */
  #listening(): RunningFirmware | undefined {
    const firmware = this.#firmware;
    const deaf = firmware === undefined || firmware.hung || firmware.behaviour.neverConnects;
    return deaf ? undefined : firmware;
  }

  #powered(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
      this.powerOff();
    }
  }

  #restart(cause: ResetCause, delayMs: number): void {
    this.#stop();
    this.#power = 'starting';
    this.#resetCause = cause;
    this.clock.after(delayMs + RESET_DELAY_MS, () => {
      this.#boot();
    });
  }

  #stop(): void {
    const wasUp = this.#firmware?.mqtt !== undefined;
    this.clock.clear();
    this.#cancelWatchdog = undefined;
    this.#firmware = undefined;
    this.#networkConnected = false;
    if (wasUp) this.#network?.stop();
  }

  #boot(): void {
    this.#bootCount += 1;
    this.#print(
      `*** Booting MCUboot simulator (${this.model.name}, ${this.#resetCause} reset) ***`,
    );
    const booted = boot(this.#options.strategy, {
      ...this.#layout,
      keys: this.#options.keys,
      crypto: this.#options.crypto,
      counters: this.#options.securityCounter === 'none' ? undefined : this.counters,
      decryptionKey: this.#options.decryptionKey,
      log: (level, text) => {
        this.#print(`${level.charAt(0).toUpperCase()}: ${text}`);
      },
    });
    if (booted.ok) this.#start(booted.value);
    else this.#power = 'stuck';
  }

  #start(booted: BootOutcome): void {
    this.#power = 'running';
    const { header } = booted.image;
    const area = this.#map.area(`slot${booted.slot}`);
    const behaviour = behaviourOf(area, header, this.#options.behaviour);
    this.#feedWatchdog();
    this.#print(`*** Booting firmware ${formatImageVersion(header.version)} ***`);
    if (behaviour.resetLoop) {
      this.#crash('firmware fault at start');
      return;
    }
    const agent = this.#startAgent(booted, behaviour);
    if (agent === undefined) return;
    const mqtt = behaviour.neverConnects ? undefined : this.#startNetwork(agent);
    this.#firmware = { booted, behaviour, agent, mqtt, hung: false };
    if (behaviour.crashAfterMs !== undefined) {
      this.clock.after(behaviour.crashAfterMs, () => {
        this.#crash('firmware fault');
      });
    }
    if (mqtt !== undefined) this.#network?.start(mqtt.lastWill);
    this.#scheduleTick();
  }

  #startAgent(booted: BootOutcome, behaviour: BehaviourCard): Agent | undefined {
    const agent = startAgent({
      options: this.#options,
      store: this.#map.area('store'),
      layout: this.#layout,
      booted,
      behaviour,
      clock: this.clock,
      nodeName: this.deviceId,
      securityCounter: (imageIndex) =>
        this.#options.securityCounter === 'none' ? undefined : this.counters.read(imageIndex),
      connectivity: () => this.#connectivity(behaviour),
      requestReset: () => {
        this.clock.after(RESET_REQUEST_DELAY_MS, () => {
          this.#restart('software', 0);
        });
      },
      log: (text) => {
        this.#log(text);
      },
    });
    if (agent.ok) return agent.value;
    this.#log(`agent cannot start: ${agent.detail}`);
    return undefined;
  }

  #startNetwork(agent: Agent): MqttLink | undefined {
    const network = this.#network;
    return network === undefined ? undefined : agent.mqttLink(network.topics, network);
  }

  #connectivity(behaviour: BehaviourCard): 'up' | 'down' | 'not-needed' {
    if (behaviour.neverConnects) return 'down';
    if (this.#network === undefined) return 'not-needed';
    return this.#networkConnected ? 'up' : 'down';
  }

  #scheduleTick(): void {
    this.clock.after(TICK_INTERVAL_MS, () => {
      const firmware = this.#firmware;
      if (firmware === undefined) return;
      const { agent, behaviour } = firmware;
      if (behaviour.hangBeforeConfirm && agent.trialState === 'testing') {
        firmware.hung = true;
        return;
      }
      agent.tick();
      this.#feedWatchdog();
      this.#scheduleTick();
    });
  }

  #feedWatchdog(): void {
    this.#cancelWatchdog?.();
    this.#cancelWatchdog = this.clock.after(WATCHDOG_TIMEOUT_MS, () => {
      this.#restart('watchdog', 0);
    });
  }

  #crash(what: string): void {
    this.#print(`E: ***** ${what.toUpperCase()} *****`);
    this.#restart('fault', 0);
  }

  #log(text: string): void {
    this.#print(`<inf> agent: ${text}`);
  }

  #print(line: string): void {
    this.#transmit(Buffer.from(`${line}\r\n`, 'latin1'));
  }

  #transmit(bytes: Uint8Array): void {
    for (const listener of this.#listeners) listener.uart?.(bytes);
  }
}

function counterStart({ securityCounter = 0 }: VirtualBoardOptions, imageIndex: number): number {
  if (securityCounter === 'none') return 0;
  return typeof securityCounter === 'number' ? securityCounter : (securityCounter[imageIndex] ?? 0);
}

/** A bootloader that decrypts keeps the keys in its trailers: agent and bootloader have to agree. */
function settingsOf(options: VirtualBoardOptions): BoardBootSettings {
  const { strategy, decryptionKey, bootSettings = {} } = options;
  const isDecrypting = decryptionKey !== undefined && strategy !== 'direct-xip';
  const keySize = bootSettings.encryptionKeySizeBytes ?? (isDecrypting ? 16 : undefined);
  return { ...bootSettings, encryptionKeySizeBytes: keySize };
}
