import type { FlashArea, ImageHeader, Verdict } from '@brickproof/bootloader-sim';

/** What a slot holds, as far as its header and TLVs can be read. */
export interface SlotImage {
  readonly header: ImageHeader;
  /** The SHA-256 TLV: over header, body and protected TLVs. */
  readonly hash: Uint8Array;
}

/** The state of one slot, in the words of the SMP image group. */
export interface SlotState {
  readonly slot: number;
  /** Undefined when the slot holds no readable image. */
  readonly image: SlotImage | undefined;
  /** It runs now. */
  readonly active: boolean;
  /** It boots next, on trial or for good. */
  readonly pending: boolean;
  readonly confirmed: boolean;
  /** It is pending, and will stay without being confirmed. */
  readonly permanent: boolean;
}

/**
 * The slots of one image behind one interface, whatever the upgrade strategy and wherever they are
 * stored. A board with several images has one of these for each.
 */
export interface BootControl {
  /** For people and for the os group's bootloader information: MCUboot's mode number. */
  readonly mode: BootMode;
  /** Whether the bootloader keeps an older image from replacing a newer one. */
  readonly preventsDowngrade: boolean;
  readonly activeSlot: number;
  readonly slotCount: number;
  /** Where an upload goes: the slot that does not run. */
  readonly uploadSlot: number;
  /** The whole of a slot. */
  area(slot: number): FlashArea;
  /**
   * A slot from where its image starts. Under swap-using-offset that is the second sector of the
   * secondary slot, except while the image in it is what a trial falls back to; otherwise it is the
   * whole slot.
   */
  imageArea(slot: number): FlashArea;
  /** The largest image the slot takes, in bytes: the trailer's place is not the image's. */
  maxImageSizeBytes(slot: number): number;
  /** Where the sectors start, in the whole slot, that hold its trailer; they reach to its end. */
  trailerSectorOffset(slot: number): number;
  state(slot: number): SlotState;
  /** Marks the slot to boot next: on trial, or for good. */
  setPending(slot: number, options: { readonly permanent: boolean }): Verdict<void>;
  /** Confirms the running image. */
  confirm(): Verdict<void>;
  /** Erases a slot that is neither running nor pending. */
  erase(slot: number): Verdict<void>;
}

/** MCUboot's upgrade modes with their numbers in the os group (bootutil/boot_status.h). */
export type BootMode =
  | { readonly name: 'swap-using-scratch'; readonly number: 1 }
  | { readonly name: 'overwrite-only'; readonly number: 2 }
  | { readonly name: 'swap-using-move'; readonly number: 3 }
  | { readonly name: 'direct-xip-with-revert'; readonly number: 5 }
  | { readonly name: 'swap-using-offset'; readonly number: 9 };
