import { NumberList } from './number-list.js';

const NONE = -1;

/** What was found of boots without a cut. */
export interface Settling {
  /** The most boots that any state took before it ran what it may stay with. */
  readonly bootsMax: number;
  /** A state from which boots can go round without ever settling; undefined where there is none. */
  readonly restless: number | undefined;
  readonly restlessCount: number;
}

/**
 * What follows on what when the power stays: an edge for each thing that the firmware of a state
 * may do. An edge is settled when what ran may stay for good.
 */
export class UncutGraph {
  /** By state: its first edge + 1. */
  readonly #first: NumberList = new NumberList();
  readonly #next: NumberList = new NumberList();
  readonly #to: NumberList = new NumberList();
  readonly #isSettled: NumberList = new NumberList();

  get edgeCount(): number {
    return this.#to.length;
  }

  add(from: number, to: number, isSettled: boolean): void {
    const needed = Math.max(from, to);
    while (this.#first.length <= needed) this.#first.push(0);
    for (let edge = this.#first.at(from) - 1; edge !== NONE; edge = this.#next.at(edge)) {
      if (this.#to.at(edge) === to && this.#isSettled.at(edge) === Number(isSettled)) return;
    }
    this.#to.push(to);
    this.#isSettled.push(Number(isSettled));
    this.#next.push(this.#first.at(from) - 1);
    this.#first.set(from, this.#to.length);
  }

  /**
   * Every state has to settle whatever its firmware does: no circle of boots may have one in it
   * that is not settled.
   */
  settling(): Settling {
    return new Circles(this).settling();
  }

  /** How many states may have edges. */
  get stateCount(): number {
    return this.#first.length;
  }

  /** The first edge of a state; -1 for none. */
  firstEdge(state: number): number {
    return this.#first.at(state) - 1;
  }

  /** The edge behind an edge of the same state; -1 for none. */
  nextEdge(edge: number): number {
    return this.#next.at(edge);
  }

  target(edge: number): number {
    return this.#to.at(edge);
  }

  isSettled(edge: number): boolean {
    return this.#isSettled.at(edge) === 1;
  }
}

/**
 * Finds the circles of a graph (Tarjan's strongly connected components, without recursion), and how
 * far every state is from the circle that it ends in.
 */
class Circles {
  readonly #graph: UncutGraph;
  /** By state: when it was found, counted from 1; 0 before. */
  readonly #found: Int32Array;
  readonly #lowest: Int32Array;
  /** By state: its circle + 1; 0 while it is open. */
  readonly #circle: Int32Array;
  readonly #boots: number[] = [];
  readonly #open: number[] = [];
  #time = 0;
  #bootsMax = 0;
  #restless: number | undefined;
  #restlessCount = 0;

  constructor(graph: UncutGraph) {
    this.#graph = graph;
    this.#found = new Int32Array(graph.stateCount);
    this.#lowest = new Int32Array(graph.stateCount);
    this.#circle = new Int32Array(graph.stateCount);
  }

  settling(): Settling {
    for (let state = 0; state < this.#graph.stateCount; state += 1) {
      const isPart = this.#graph.firstEdge(state) !== NONE;
      if (isPart && this.#found[state] === 0) this.#visit(state);
    }
    return {
      bootsMax: this.#bootsMax,
      restless: this.#restless,
      restlessCount: this.#restlessCount,
    };
  }

  #visit(root: number): void {
    const path: { readonly state: number; edge: number }[] = [this.#enter(root)];
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const { state, edge } = top;
      if (edge === NONE) {
        path.pop();
        if (this.#lowest[state] === this.#found[state]) this.#close(state);
        const below = path.at(-1);
        if (below !== undefined) this.#lower(below.state, this.#lowest[state] ?? 0);
        continue;
      }
      top.edge = this.#graph.nextEdge(edge);
      const to = this.#graph.target(edge);
      if (this.#found[to] === 0) path.push(this.#enter(to));
      else if (this.#circle[to] === 0) this.#lower(state, this.#found[to] ?? 0);
    }
  }

  #enter(state: number): { readonly state: number; edge: number } {
    this.#time += 1;
    this.#found[state] = this.#time;
    this.#lowest[state] = this.#time;
    this.#open.push(state);
    return { state, edge: this.#graph.firstEdge(state) };
  }

  #lower(state: number, time: number): void {
    this.#lowest[state] = Math.min(this.#lowest[state] ?? 0, time);
  }

  /** The states that were found since `state` are one circle, and all that follows is known. */
  #close(state: number): void {
    const members = this.#open.splice(this.#open.lastIndexOf(state));
    const circle = this.#boots.length;
    for (const member of members) this.#circle[member] = circle + 1;
    let boots = 1;
    for (const member of members) {
      for (let edge = this.#graph.firstEdge(member); edge !== NONE;) {
        const follower = (this.#circle[this.#graph.target(edge)] ?? 0) - 1;
        if (follower !== circle) boots = Math.max(boots, (this.#boots[follower] ?? 0) + 1);
        else if (!this.#graph.isSettled(edge)) this.#note(member);
        edge = this.#graph.nextEdge(edge);
      }
    }
    this.#boots.push(boots);
    this.#bootsMax = Math.max(this.#bootsMax, boots);
  }

  #note(state: number): void {
    this.#restlessCount += 1;
    this.#restless ??= state;
  }
}
