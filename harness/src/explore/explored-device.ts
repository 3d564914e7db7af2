import {
  DONE,
  FLASH_SECTORS_MAX,
  OtpCounters,
  boot as bootForReal,
  decideSwapType,
  equalBytes,
  readTrailer,
  verifyImage,
  type BootEnvironment,
  type BootLayout,
  type BootOutcome,
  type BootedImage,
  type FlashMap,
  type SecurityCounters,
  type Verdict,
} from '@brickproof/bootloader-sim';
import { bootLayoutOf } from '../board/provision.js';
import type { CachedCrypto } from './cached-crypto.js';
import type { Choices } from './choices.js';
import type { Effect } from './effect-pool.js';
import type {
  BrokenRule,
  KnownImage,
  SceneDevice,
  Session,
  SessionDevice,
  SessionEnd,
} from './scene.js';
import type { ExploredFlash } from './explored-flash.js';
import type { TouchListener } from './run-memory.js';
import type { RunStep, StateContext, StateGraph, StepOutcomes } from './state-graph.js';

/** The bootloader's door: ours, or another one that is to be explored. */
export type BootFunction = typeof bootForReal;

/** Hears of a run as it goes. */
export interface RunListener extends StepOutcomes {
  /** A step is about to be taken from a state. */
  step(step: RunStep, state: number): void;
}

/** What was found where an image runs. */
export interface RunningImage {
  readonly slot: number;
  /** Undefined: it does not verify, or nobody knows it. */
  readonly image: KnownImage | undefined;
  readonly securityCounter: number | undefined;
  /** Why the image is not known; empty where it is. */
  readonly refused: string;
}

/** What firmware is started on. */
export interface StartedDevice {
  readonly booted: BootOutcome;
  readonly running: readonly KnownImage[];
  /** Hears of what does not hold. */
  readonly broken: (rule: BrokenRule) => void;
}

/** Operations in one run; a bootloader that does more goes on for ever. */
export const RUN_OPERATIONS_MAX = 1_000_000;

/** Thrown out of a run that does not end. */
export class EndlessRun extends Error {}

/**
 * The device of a scene, to be started from any state: flash and counters are those of the state,
 * and each operation is a step in the graph.
 */
export class ExploredDevice {
  readonly layout: BootLayout;
  readonly #scene: SceneDevice;
  readonly #images: readonly KnownImage[];
  readonly #graph: StateGraph;
  readonly #flash: ExploredFlash;
  readonly #areas: FlashMap;
  readonly #crypto: CachedCrypto;
  readonly #boot: BootFunction;
  readonly #counters: SecurityCounters | undefined;
  readonly #flashSteps: Map<number, RunStep> = new Map();
  #state = 0;
  #context: StateContext = { counters: [], position: 0 };
  #listener: RunListener | undefined;
  #operations = 0;
  #log: (text: string) => void = () => undefined;

  constructor(options: {
    readonly scene: SceneDevice;
    readonly images: readonly KnownImage[];
    readonly graph: StateGraph;
    readonly flash: ExploredFlash;
    readonly areas: FlashMap;
    readonly crypto: CachedCrypto;
    readonly boot: BootFunction | undefined;
  }) {
    this.#scene = options.scene;
    this.#images = options.images;
    this.#graph = options.graph;
    this.#flash = options.flash;
    this.#areas = options.areas;
    this.#crypto = options.crypto;
    this.#boot = options.boot ?? bootForReal;
    this.layout = bootLayoutOf(options.areas, options.scene.settings);
    this.#counters = options.scene.hasCounters ? this.#makeCounters() : undefined;
    this.#flash.listen((effect, sector) => {
      this.#step(this.#flashStep(effect, sector));
    });
  }

  /** The state that the device is in now. */
  get state(): number {
    return this.#state;
  }

  /** How far the scene is. */
  get position(): number {
    return this.#context.position;
  }

  /** How many steps the run has taken. */
  get operations(): number {
    return this.#operations;
  }

  /** Puts the device into a state, before a run. */
  begin(
    state: number,
    run: {
      readonly choices: Choices;
      readonly listener: RunListener;
      readonly touches?: TouchListener;
      readonly log?: (text: string) => void;
    },
  ): void {
    this.#state = state;
    this.#context = this.#graph.context(state);
    this.#operations = 0;
    this.#listener = run.listener;
    this.#log = run.log ?? (() => undefined);
    this.#flash.load((contents) => {
      this.#graph.read(state, contents);
    });
    this.#flash.begin(run.choices, run.touches);
  }

  /** Lets the bootloader start. */
  boot(): Verdict<BootOutcome> {
    return this.#boot(this.#scene.strategy, this.#environment());
  }

  /** Lets the firmware do one thing. */
  runSession(session: Session, started: StartedDevice): SessionEnd {
    return session.run(this.#sessionDevice(started));
  }

  /** What runs of each image: by the real verification of what lies where it runs. */
  identify(booted: BootOutcome): readonly RunningImage[] {
    return [booted, ...booted.others].map((image, index) => this.#identify(image, index));
  }

  /** The image would still run after the next boot: nothing asks for another one. */
  isConfirmed({ slot }: BootedImage, imageIndex: number): boolean {
    const { strategy } = this.#scene;
    const slots = this.layout.images[imageIndex];
    if (slots === undefined || strategy === 'overwrite-only') return true;
    const trailers = { primary: readTrailer(slots[0]), secondary: readTrailer(slots[1]) };
    if (strategy !== 'direct-xip') {
      return decideSwapType(strategy, trailers, this.layout) !== 'revert';
    }
    return (slot === 0 ? trailers.primary : trailers.secondary).imageOk === 'set';
  }

  #environment(): BootEnvironment {
    const { keys, decryptionKey } = this.#scene;
    return {
      ...this.layout,
      keys,
      crypto: this.#crypto,
      decryptionKey,
      counters: this.#counters,
      log: (level, text) => {
        this.#log(`${level.charAt(0).toUpperCase()}: ${text}`);
      },
    };
  }

  #sessionDevice({ booted, running, broken }: StartedDevice): SessionDevice {
    const position = (): number => this.#context.position;
    const moveTo = (next: number): void => {
      if (next !== this.#context.position) this.#changeContext({ position: next });
    };
    return {
      layout: this.layout,
      booted,
      counters: this.#counters,
      crypto: this.#crypto,
      running,
      area: (name) => this.#areas.area(name),
      get position() {
        return position();
      },
      set position(next) {
        moveTo(next);
      },
      log: (text) => {
        this.#log(text);
      },
      violate: (invariant, detail) => {
        broken({ invariant, detail });
      },
    };
  }

  #identify({ slot, image }: BootedImage, imageIndex: number): RunningImage {
    const area = this.layout.images[imageIndex]?.[slot === 0 ? 0 : 1];
    const unknown = { slot, image: undefined, securityCounter: undefined };
    if (area === undefined) return { ...unknown, refused: 'there is no such slot' };
    const { keys, decryptionKey } = this.#scene;
    const policy = {
      keys,
      maxImageSizeBytes: area.sizeBytes,
      minimumSecurityCounter: undefined,
      encryption: decryptionKey && ({ body: 'plain' } as const),
    };
    const verified = verifyImage(area, policy, this.#crypto);
    if (!verified.ok) return { ...unknown, refused: `${verified.code}: ${verified.detail}` };
    const { hash, securityCounter } = verified.value;
    const known = this.#images.find(
      (candidate) => candidate.imageIndex === imageIndex && equalBytes(candidate.hash, hash),
    );
    const isOther = known === undefined || !equalBytes(hash, image.hash);
    if (isOther) return { ...unknown, refused: 'it is none of the images of the scene' };
    return { slot, image: known, securityCounter, refused: '' };
  }

  #makeCounters(): SecurityCounters {
    return {
      read: (index) => this.#context.counters[index] ?? 0,
      raise: (index, value) => {
        const counters = new OtpCounters(this.#context.counters);
        const raised = counters.raise(index, value);
        if (!raised.ok) return raised;
        const values = counters.snapshot();
        if (value !== this.#context.counters[index]) this.#changeContext({ counters: values });
        return DONE;
      },
    };
  }

  #changeContext(change: Partial<StateContext>): void {
    this.#step({ kind: 'context', context: { ...this.#context, ...change } });
  }

  /** The same step is taken again and again: it is one object. */
  #flashStep(effect: Effect, sector: number): RunStep {
    const key = effect.number * FLASH_SECTORS_MAX + sector;
    const known = this.#flashSteps.get(key);
    if (known !== undefined) return known;
    const made: RunStep = { kind: 'flash', effect, sector };
    this.#flashSteps.set(key, made);
    return made;
  }

  #step(step: RunStep): void {
    const listener = this.#listener;
    if (listener === undefined) throw new Error('a step outside of a run');
    this.#operations += 1;
    if (this.#operations > RUN_OPERATIONS_MAX) throw new EndlessRun('the run does not end');
    listener.step(step, this.#state);
    this.#state = this.#graph.take(this.#state, step, listener);
    if (step.kind === 'context') this.#context = step.context;
  }
}
