import type { StrategyName } from '@brickproof/bootloader-sim';

/** The packages that have variants. */
export type VariantPackage = 'bootloader-sim' | 'agent';

/** One change to a source file of a package. */
export interface VariantPatch {
  /** Counted from the package's folder: `src/boot/trailer.ts`. */
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

/** What happens on a board while the power goes. */
export type SceneKind =
  /** A marked image comes to run, and confirms itself or does not. */
  | 'upgrade'
  /** An image is on trial and is not confirmed; the device goes back. */
  | 'revert'
  /** An image is marked for good. */
  | 'permanent'
  /**
   * The slots have trailers before anything is asked: those of an upgrade, or, without copy-done,
   * that of an image which was programmed as `imgtool sign --pad --confirm` makes it.
   */
  | 'leftover-trailer'
  /** An upgrade follows one that was finished. */
  | 'second-upgrade'
  /** The primary slot is empty and is filled from the secondary one. */
  | 'bootstrap'
  /** The candidate is damaged, or signed by nobody whom the device trusts. */
  | 'forged'
  /** The candidate has a lower version or a lower security counter. */
  | 'downgrade'
  /** The candidate is encrypted. */
  | 'encrypted'
  /** Two images that need each other. */
  | 'multi-image'
  /** The agent takes an image, packet by packet. */
  | 'download'
  /** The agent sees an image through its trial. */
  | 'confirm'
  /** The agent's store is changed. */
  | 'store';

/** A package that was broken on purpose: whoever looks for faults must find this one. */
export interface Variant<Package extends VariantPackage = VariantPackage> {
  readonly name: string;
  /** What is wrong with it, and when that shows. */
  readonly about: string;
  readonly package: Package;
  /** Under which it is to be found; a store has none. */
  readonly strategies: readonly StrategyName[];
  /** Of which one at least shows it, under each of the strategies. */
  readonly scenes: readonly SceneKind[];
  readonly patches: readonly VariantPatch[];
}
