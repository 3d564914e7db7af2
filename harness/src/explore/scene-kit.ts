import type {
  BootSettings,
  CryptoProvider,
  SectorContents,
  StrategyName,
} from '@brickproof/bootloader-sim';
import type { SceneBoard } from './scene-board.js';
import type { SceneAgent } from './scene-firmware.js';
import type { SceneGeometry, SceneGeometryOptions } from './scene-geometry.js';
import type { SceneImageOptions } from './scene-images.js';
import type { KnownImage, Scene, SceneDevice } from './scene.js';

/** What a scene is made from, whichever it is. */
export interface SceneOptions {
  readonly strategy: StrategyName;
  readonly geometry: Omit<SceneGeometryOptions, 'strategy' | 'imageCount' | 'settings'>;
  readonly imageSizeBytes: number;
  /** Of the images that are to take the place of the old ones; as large as those when absent. */
  readonly newImageSizeBytes?: number | undefined;
  /** What the bootloader was built for, beside what the scene asks of it. */
  readonly settings?: BootSettings | undefined;
  /** The bootloader keeps what MCUboot may lose (`BootSettings.hardened`). */
  readonly hardened?: boolean | undefined;
  readonly crypto: CryptoProvider;
  /** The agent that the firmware runs, where it is not ours. */
  readonly agent?: SceneAgent | undefined;
}

/** A scene with the flash that it plays on. */
export interface BuiltScene {
  readonly scene: Scene;
  readonly geometry: SceneGeometry;
  /** What sectors of images hold, wherever they lie. */
  readonly wholeContents: readonly SectorContents[];
}

/** What scenes are built with. */
export interface SceneKit {
  readonly device: SceneDevice;
  readonly board: SceneBoard;
  readonly image: (options: Omit<SceneImageOptions, 'sizeBytes'>) => KnownImage;
}

/** What is a scene's own, once its board is prepared; what is left out is that of an update. */
export interface ScenePlay
  extends
    Pick<Scene, 'images' | 'position' | 'judge' | 'sessions'>,
    Partial<Pick<Scene, 'hasArrived' | 'isSettled' | 'positionAtReset' | 'storeDetail'>> {
  /** Other forms in which images lie in the flash, such as those that run in the clear. */
  readonly otherForms?: readonly Uint8Array[];
}

/** How a scene is made: the board that it needs, and what is done to it before. */
export interface SceneRecipe {
  /** One line for people. */
  readonly summary: string;
  /** Strategies that cannot play it, and a sentence that says why. */
  readonly unfit?: { readonly strategies: readonly StrategyName[]; readonly why: string };
  readonly imageCount?: 1 | 2;
  readonly settings?: BootSettings;
  /** Of each image, as the device left the factory; 1 unless told. */
  readonly counters?: readonly number[];
  /** The device has a key to decrypt images with. */
  readonly decrypts?: boolean;
  readonly prepare: (kit: SceneKit) => ScenePlay;
}

/** The image that a device of a scene leaves the factory with. */
export function oldImage({ image }: SceneKit): KnownImage {
  return image({ name: '1.0.0', role: 'old', minor: 0, securityCounter: 1 });
}

/** The image that is to take its place: its security counter is higher. */
export function newImage({ image }: SceneKit, minor: number): KnownImage {
  return image({ name: `1.${minor}.0`, role: 'new', minor, securityCounter: 2 });
}
