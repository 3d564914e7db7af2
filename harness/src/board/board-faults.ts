import {
  FlashFaults,
  type FaultStrike,
  type FlashFault,
  type FlashRejectCode,
  type FlashWatcher,
  type NorFlash,
  type RandomStreams,
  type Verdict,
} from '@brickproof/bootloader-sim';

/** What the faults of a board stand on. */
export interface BoardFaultsOptions {
  readonly flash: NorFlash;
  readonly streams: RandomStreams;
  readonly onStrike: (strike: FaultStrike) => void;
}

/** The faults of a board's flash, beside one watcher from outside, which is asked first. */
export class BoardFaults {
  readonly #flash: NorFlash;
  readonly #faults: FlashFaults;
  #watcher: FlashWatcher | undefined;

  constructor(options: BoardFaultsOptions) {
    this.#flash = options.flash;
    this.#faults = new FlashFaults(options);
  }

  /** Sets who sees each operation of the flash before it happens, and may interrupt it. */
  watch(watcher: FlashWatcher | undefined): void {
    this.#watcher = watcher;
    this.#settle();
  }

  /** Gives the flash a fault, and answers its number; refuses as `FlashFaults.switchOn`. */
  switchOn(fault: FlashFault): Verdict<number, FlashRejectCode> {
    const on = this.#faults.switchOn(fault);
    this.#settle();
    return on;
  }

  /** Takes all its faults from the flash; what they did stays done. */
  switchAllOff(): void {
    this.#faults.switchAllOff();
    this.#settle();
  }

  /** A flash without faults is not slowed down by those it might have. */
  #settle(): void {
    const watcher = this.#watcher;
    if (this.#faults.size === 0) this.#flash.watch(watcher);
    else this.#flash.watch(watcher ? this.#faults.behind(watcher) : this.#faults.watcher);
  }
}
