import {
  NorFlash,
  createFlashMap,
  decideSwapType,
  readTrailer,
  type BootLayout,
  type FlashGeometry,
} from '@brickproof/bootloader-sim';
import { bootLayoutOf } from '../board/provision.js';
import type { EffectPool } from './effect-pool.js';
import type { Scene } from './scene.js';
import { must } from './scene-board.js';
import type { StateGraph } from './state-graph.js';

/** What a state counts as when the power comes back in it. */
export class ResetStates {
  readonly #scene: Scene;
  readonly #graph: StateGraph;
  readonly #effects: EffectPool;
  readonly #known: Map<number, number> = new Map();
  readonly #flash: NorFlash;
  readonly #layout: BootLayout;

  constructor(scene: Scene, graph: StateGraph, effects: EffectPool, geometry: FlashGeometry) {
    this.#scene = scene;
    this.#graph = graph;
    this.#effects = effects;
    this.#flash = new NorFlash(geometry);
    const map = must(createFlashMap(this.#flash, scene.device.areas));
    this.#layout = bootLayoutOf(map, scene.device.settings);
  }

  /** The state that stands for all that differ from it in nothing that matters. */
  canonical(state: number): number {
    const canonical = this.#graph.canonical(state);
    const { positionAtReset } = this.#scene;
    if (positionAtReset === undefined) return canonical;
    const known = this.#known.get(canonical);
    if (known !== undefined) return known;
    const context = this.#graph.context(canonical);
    const position = positionAtReset(context.position, () => this.#willStay(canonical));
    if (position === context.position) return canonical;
    const moved = this.#graph.withContext(canonical, { ...context, position });
    this.#known.set(canonical, moved);
    return moved;
  }

  /** No image of the board would be reverted, or given up. */
  #willStay(state: number): boolean {
    const contents = new Int32Array(this.#flash.geometry.sectors.length);
    this.#graph.read(state, contents);
    const sectors = Array.from(contents, (content) => this.#effects.contents.contents(content));
    this.#flash.restore({ geometry: this.#flash.geometry, sectors });
    const { strategy, settings } = this.#scene.device;
    return this.#layout.images.every(([first, second]) => {
      const primary = readTrailer(first);
      const secondary = readTrailer(second);
      // Flickering cells may say anything: then the position stays as it is.
      if (strategy !== 'direct-xip') {
        return decideSwapType(strategy, { primary, secondary }, settings) !== 'revert';
      }
      return [primary, secondary].every(({ copyDone, imageOk }) => {
        return copyDone === 'unset' || imageOk === 'set';
      });
    });
  }
}
