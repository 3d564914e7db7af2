import { Choices } from './choices.js';
import type { Effect } from './effect-pool.js';
import type { Exploration } from './explore.js';
import type { Counterexample, TraceBoot, TraceOperation } from './explore-report.js';
import { OperationWords } from './operation-words.js';
import { playBoot, playSession, type BootResult } from './play.js';
import type { BrokenRule, Scene } from './scene.js';
import type { RunStep } from './state-graph.js';
import { tearWords } from './tear-words.js';
import type { TraceStep } from './trace-path.js';
import { SlotPictures } from './trace-slots.js';

/** The operations before a cut that a trace tells. */
const LAST_OPERATIONS = 8;
/** Bytes that are told of what was read at the last cut. */
const READ_BYTES_TOLD = 16;

/** A way that was gone again, and what was found broken in its last run. */
export interface GoneTrace {
  readonly boots: readonly TraceBoot[];
  readonly start: Counterexample['start'];
  readonly cuts: number;
  readonly broken: readonly BrokenRule[];
}

/** Why a way cannot be gone again. */
export class TraceLost extends Error {}

/**
 * Goes a way once more, run by run, and tells of it. Throws `TraceLost` where the device does not
 * do what the way says: it belongs to another one.
 */
export function goTrace(
  scene: Scene,
  exploration: Exploration,
  path: readonly TraceStep[],
  flickersMax: number,
): GoneTrace {
  return new Tracer(scene, exploration, flickersMax).go(path);
}

/** One step of a run, with the state before it. */
interface RecordedStep {
  readonly step: RunStep;
  readonly state: number;
}

/** A place of the flash. */
interface Place {
  readonly offset: number;
  readonly lengthBytes: number;
}

class Tracer {
  readonly #scene: Scene;
  readonly #exploration: Exploration;
  readonly #flickersMax: number;
  readonly #words: OperationWords;
  readonly #pictures: SlotPictures;
  readonly #steps: RecordedStep[] = [];
  readonly #log: string[] = [];
  /** Lines of the log are told until this many steps were taken. */
  #logUntil = Infinity;
  #lastCut: Place | undefined;
  #readAtLastCut: string | undefined;

  constructor(scene: Scene, exploration: Exploration, flickersMax: number) {
    this.#scene = scene;
    this.#exploration = exploration;
    this.#flickersMax = flickersMax;
    const { strategy } = scene.device;
    const { layout } = exploration.device;
    this.#words = new OperationWords(strategy, layout);
    this.#pictures = new SlotPictures(strategy, layout, scene.images);
  }

  go(path: readonly TraceStep[]): GoneTrace {
    const { canonical, start: first, flash } = this.#exploration;
    let state = canonical(first);
    const start = this.#draw(state);
    const boots: TraceBoot[] = [];
    let broken: readonly BrokenRule[] = [];
    flash.watchReads((offset, bytes) => {
      this.#noteRead(offset, bytes);
    });
    try {
      for (const [index, step] of path.entries()) {
        const gone = this.#goStep(state, step, index === path.length - 1);
        boots.push({ ...gone.boot, number: index + 1 });
        state = gone.next;
        broken = gone.broken;
      }
    } finally {
      flash.watchReads(undefined);
    }
    const cuts = boots.filter(({ ended }) => ended === 'power-cut').length;
    return { boots, start, cuts, broken };
  }

  #goStep(
    state: number,
    step: TraceStep,
    isLast: boolean,
  ): {
    readonly boot: Omit<TraceBoot, 'number'>;
    readonly next: number;
    readonly broken: readonly BrokenRule[];
  } {
    const { device, canonical } = this.#exploration;
    const { run, operation } = step;
    this.#begin(state, run.bootChoices, run.session === undefined ? operation : -1);
    const result = playBoot(this.#scene, this.#exploration, state);
    let broken = result.broken;
    if (run.session !== undefined) {
      this.#begin(device.state, run.sessionChoices, operation);
      broken = [...broken, ...this.#goSession(run.session, result)];
    }
    const hasEnded = operation < 0;
    const cut = hasEnded ? undefined : this.#cut(step);
    const end = cut?.state ?? device.state;
    const boot = {
      log: this.#log.splice(0),
      readAtLastCut: this.#readAtLastCut,
      ran: run.session === undefined && !hasEnded ? undefined : namesOf(result),
      choice: run.session,
      operationCount: hasEnded ? this.#steps.length : operation + 1,
      lastOperations: this.#lastOperations(hasEnded ? this.#steps.length - 1 : operation),
      ended: isLast ? 'violation' : hasEnded ? 'reset' : 'power-cut',
      tear: cut?.tear,
      slots: this.#draw(end),
    } as const;
    this.#lastCut = cut?.place;
    this.#readAtLastCut = undefined;
    return { boot, next: canonical(end), broken };
  }

  #goSession(name: string, boot: BootResult): readonly BrokenRule[] {
    const { booted, situation } = boot;
    const session = situation && this.#scene.sessions(situation).find((one) => one.name === name);
    if (booted === undefined || session === undefined) {
      throw new TraceLost(`the firmware does not come to the point where it ${name}`);
    }
    return playSession(this.#exploration.device, session, { ...boot, booted }).broken;
  }

  #begin(state: number, told: readonly number[], until: number): void {
    this.#steps.length = 0;
    this.#logUntil = until < 0 ? Infinity : until;
    this.#exploration.device.begin(state, {
      choices: new Choices(told, this.#flickersMax),
      listener: {
        step: (step, before) => this.#steps.push({ step, state: before }),
        untouched: () => undefined,
        torn: () => undefined,
      },
      log: (text) => {
        if (this.#steps.length <= this.#logUntil) this.#log.push(text);
      },
    });
  }

  /** What is left when the power goes in an operation of the run. */
  #cut({ operation, tear }: TraceStep): {
    readonly state: number;
    readonly tear: string;
    readonly place: Place | undefined;
  } {
    const { graph, effects } = this.#exploration;
    const recorded = this.#steps[operation];
    if (recorded === undefined) {
      throw new TraceLost(`the run has ${this.#steps.length} operations, no number ${operation}`);
    }
    const { step, state } = recorded;
    if (step.kind === 'context') return { state, tear: 'nothing of it is done', place: undefined };
    const { effect, sector } = step;
    const place = this.#placeOf(effect, sector);
    if (tear < 0) return { state, tear: 'nothing of it is done', place };
    const torn = effects.tornBy(effect)[tear];
    if (torn === undefined) throw new TraceLost(`the operation has no tear ${tear}`);
    const words = place.lengthBytes / effects.cells.writeAlignBytes;
    return { state: graph.torn(state, sector, torn), tear: tearWords(torn.tear, words), place };
  }

  #placeOf(effect: Effect, sector: number): Place {
    const { geometry } = this.#exploration.flash;
    const { offset: start = 0, sizeBytes = 0 } = geometry.sectors[sector] ?? {};
    if (effect.kind === 'erase') return { offset: start, lengthBytes: sizeBytes };
    const { byteLength } = this.#exploration.effects.data.bytes(effect.data);
    return { offset: start + effect.offset, lengthBytes: byteLength };
  }

  #lastOperations(last: number): readonly TraceOperation[] {
    const first = Math.max(0, last - LAST_OPERATIONS + 1);
    return this.#steps.slice(first, last + 1).flatMap(({ step, state }, index) => {
      const isPosition = step.kind === 'context' && this.#isPosition(step.context.counters, state);
      return isPosition ? [] : [this.#describe(step, first + index)];
    });
  }

  /** Only those who look on have learned something. */
  #isPosition(counters: readonly number[], before: number): boolean {
    return counters.join() === this.#exploration.graph.context(before).counters.join();
  }

  #describe(step: RunStep, index: number): TraceOperation {
    if (step.kind === 'context') {
      const what = `to ${step.context.counters.join(' and ')}`;
      return { index, kind: 'raise-counter', area: 'counters', offset: 0, lengthBytes: 0, what };
    }
    const { kind } = step.effect;
    const { offset, lengthBytes } = this.#placeOf(step.effect, step.sector);
    const area = this.#exploration.areaAt(offset);
    const inArea = offset - area.flashOffset;
    const what =
      kind === 'erase' ? this.#words.ofErase(area, inArea) : this.#words.ofWrite(area, inArea);
    return { index, kind, area: area.name, offset: inArea, lengthBytes, what };
  }

  #noteRead(offset: number, bytes: Uint8Array): void {
    const cut = this.#lastCut;
    if (cut === undefined || this.#readAtLastCut !== undefined) return;
    const start = Math.max(offset, cut.offset);
    const end = Math.min(offset + bytes.byteLength, cut.offset + cut.lengthBytes);
    if (start >= end) return;
    const told = bytes.subarray(
      start - offset,
      Math.min(end - offset, start - offset + READ_BYTES_TOLD),
    );
    const area = this.#exploration.areaAt(start);
    const hex = Array.from(told, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
    this.#readAtLastCut = `${area.name}+0x${(start - area.flashOffset).toString(16)}: ${hex}`;
  }

  #draw(state: number): Counterexample['start'] {
    const { device, flash } = this.#exploration;
    const idle = { step: () => undefined, untouched: () => undefined, torn: () => undefined };
    device.begin(state, { choices: new Choices([], 0), listener: idle });
    return flash.unguarded(() => this.#pictures.draw());
  }
}

function namesOf({ situation }: BootResult): string | undefined {
  return situation?.running.map(({ name }) => name).join(' and ');
}
