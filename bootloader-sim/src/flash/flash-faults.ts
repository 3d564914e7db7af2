import { accept, reject, type FlashRejectCode, type Verdict } from '../verdict.js';
import type { FlashEffect, FlashInterruption, FlashOperation, FlashWatcher } from './fault.js';
import {
  checkFault,
  touches,
  type FlashFault,
  type FlippedBitFault,
  type InterruptingFault,
  type WornOutFault,
} from './flash-fault.js';
import type { NorFlash } from './nor-flash.js';
import type { RandomSource, RandomStreams } from './seeded-random.js';

/** The most faults that one flash has at once. */
export const FLASH_FAULTS_MAX = 64;

/** A fault has happened. */
export type FaultStrike =
  | {
      readonly kind: 'interrupted';
      readonly id: number;
      readonly fault: InterruptingFault | WornOutFault;
      readonly operation: FlashOperation;
      readonly interruption: FlashInterruption;
    }
  | {
      readonly kind: 'flipped';
      readonly id: number;
      readonly fault: FlippedBitFault;
      readonly offset: number;
      readonly bit: number;
    };

/** What the faults of a flash stand on. */
export interface FlashFaultsOptions {
  readonly flash: NorFlash;
  /** Each fault draws from the stream of its own number: faults do not change each other. */
  readonly streams: RandomStreams;
  /** Told of each strike before it happens. */
  readonly onStrike?: (strike: FaultStrike) => void;
}

/**
 * The standing faults of one flash, each of which can be switched on alone or beside others. As a
 * watcher of its flash they strike: where several would strike one operation, the first one that
 * was switched on does, and those that wait for an operation wait for the next.
 */
export class FlashFaults {
  readonly #options: FlashFaultsOptions;
  readonly #armed: Map<number, ArmedFault> = new Map();
  #switchedOn = 0;

  constructor(options: FlashFaultsOptions) {
    this.#options = options;
  }

  /** How many are switched on and not spent. */
  get size(): number {
    return this.#armed.size;
  }

  /**
   * Switches a fault on, and answers its number: 1, 2, 3 in the order of the calls. Refuses what
   * the flash cannot have, and more than 64 at once.
   */
  switchOn(fault: FlashFault): Verdict<number, FlashRejectCode> {
    const { flash, streams } = this.#options;
    const checked = checkFault(fault, flash.geometry.sizeBytes);
    if (!checked.ok) return checked;
    if (this.#armed.size >= FLASH_FAULTS_MAX) {
      return reject('flash-faults-too-many', `at most ${FLASH_FAULTS_MAX} faults at once`);
    }
    this.#switchedOn += 1;
    const id = this.#switchedOn;
    const random = streams(id);
    if (fault.kind === 'flipped-bit' && fault.beforeOperation === undefined) {
      this.#flip(id, fault, random);
    } else {
      this.#armed.set(id, armFault(fault, random, flash));
    }
    return accept(id);
  }

  /** Switches a fault off; one that is spent, or never was, is off already. */
  switchOff(id: number): void {
    this.#armed.delete(id);
  }

  /** Switches all of them off. */
  switchAllOff(): void {
    this.#armed.clear();
  }

  /** The faults as a watcher of their flash. */
  readonly watcher: FlashWatcher = (operation) => this.#see(operation, false);

  /** A watcher that asks another one first; faults count what that one interrupts. */
  behind(first: FlashWatcher): FlashWatcher {
    return (operation) => {
      const interruption = first(operation);
      const struck = this.#see(operation, interruption !== undefined);
      return interruption ?? struck;
    };
  }

  #see(operation: FlashOperation, isTaken: boolean): FlashInterruption | undefined {
    let struck: FlashInterruption | undefined;
    for (const [id, armed] of this.#armed) {
      if (armed.kind === 'flip') {
        armed.operationsLeft -= 1;
        if (armed.operationsLeft > 0) continue;
        this.#armed.delete(id);
        this.#flip(id, armed.fault, armed.random);
        continue;
      }
      const effect = armed.strikes(operation);
      if (effect === undefined || isTaken || struck !== undefined) continue;
      if (armed.strikesOnce) this.#armed.delete(id);
      const { fault } = armed;
      struck = { kind: fault.kind === 'power-cut' ? 'power-cut' : 'failure', effect };
      this.#options.onStrike?.({ kind: 'interrupted', id, fault, operation, interruption: struck });
    }
    return struck;
  }

  #flip(id: number, fault: FlippedBitFault, random: RandomSource): void {
    const offset = fault.range.offset + Math.floor(random() * fault.range.lengthBytes);
    const bit = fault.bit ?? Math.floor(random() * BITS_PER_BYTE);
    this.#options.onStrike?.({ kind: 'flipped', id, fault, offset, bit });
    this.#options.flash.flipBit(offset, bit);
  }
}

const BITS_PER_BYTE = 8;

/** A fault that waits for an operation. */
type ArmedFault = ArmedInterruption | ArmedFlip;

interface ArmedFlip {
  readonly kind: 'flip';
  readonly fault: FlippedBitFault;
  readonly random: RandomSource;
  operationsLeft: number;
}

interface ArmedInterruption {
  readonly kind: 'interruption';
  readonly fault: InterruptingFault | WornOutFault;
  /** Counts an operation, and answers what is left of it; undefined when nothing happens to it. */
  strikes(operation: FlashOperation): FlashEffect | undefined;
  readonly strikesOnce: boolean;
}

function armFault(fault: FlashFault, random: RandomSource, flash: NorFlash): ArmedFault {
  if (fault.kind === 'flipped-bit') {
    return { kind: 'flip', fault, random, operationsLeft: fault.beforeOperation ?? 1 };
  }
  return fault.kind === 'worn-out' ? new Wear(fault, flash) : new Interruption(fault, random);
}

class Interruption implements ArmedInterruption {
  readonly kind = 'interruption';
  readonly fault: InterruptingFault;
  readonly #random: RandomSource;
  readonly strikesOnce: boolean;
  #seen = 0;

  constructor(fault: InterruptingFault, random: RandomSource) {
    this.fault = fault;
    this.strikesOnce = fault.when.kind === 'operation';
    this.#random = random;
  }

  strikes(operation: FlashOperation): FlashEffect | undefined {
    const { on, range, counts, when } = this.fault;
    if (on !== undefined && on !== operation.kind) return undefined;
    if (range !== undefined && !touches(range, operation)) return undefined;
    if (counts?.(operation) === false) return undefined;
    this.#seen += 1;
    const isDue = when.kind === 'rate' ? this.#random() < when.rate : this.#seen >= when.number;
    return isDue ? this.fault[operation.kind] : undefined;
  }
}

class Wear implements ArmedInterruption {
  readonly kind = 'interruption';
  readonly fault: WornOutFault;
  readonly strikesOnce = false;
  readonly #flash: NorFlash;
  readonly #erasesBySector: Map<number, number> = new Map();

  constructor(fault: WornOutFault, flash: NorFlash) {
    this.fault = fault;
    this.#flash = flash;
  }

  strikes(operation: FlashOperation): FlashEffect | undefined {
    let isWorn = false;
    for (const sector of this.#sectorsOf(operation)) {
      const erases = this.#erasesBySector.get(sector) ?? 0;
      isWorn ||= erases >= this.fault.erases;
      if (operation.kind === 'erase') this.#erasesBySector.set(sector, erases + 1);
    }
    return isWorn ? this.fault[operation.kind] : undefined;
  }

  /** The sectors of an operation that the fault is about. */
  *#sectorsOf(operation: FlashOperation): Generator<number> {
    const { geometry } = this.#flash;
    const end = operation.offset + operation.lengthBytes;
    for (let offset = operation.offset; offset < end;) {
      const index = geometry.sectorIndexAt(offset);
      const sector = geometry.sectors[index];
      if (sector === undefined) return;
      const { offset: start, sizeBytes } = sector;
      if (touches(this.fault.range, { offset: start, lengthBytes: sizeBytes })) yield index;
      offset = start + sizeBytes;
    }
  }
}
