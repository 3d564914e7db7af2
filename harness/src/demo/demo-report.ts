/** One sentence that was checked, and whether it held. */
export interface DemoClaim {
  readonly chapter: string;
  readonly claim: string;
  readonly held: boolean;
  /** What was found, when it did not hold. */
  readonly found?: string;
}

/** Where the story is told, line by line. */
export type DemoWriter = (line: string) => void;

/** Tells the story and keeps count of what was claimed. Nothing is claimed without a check. */
export class DemoReport {
  readonly claims: DemoClaim[] = [];
  readonly #write: DemoWriter;
  #chapter = '';
  #number = 0;

  constructor(write: DemoWriter) {
    this.#write = write;
  }

  get held(): boolean {
    return this.claims.length > 0 && this.claims.every((claim) => claim.held);
  }

  /** Begins a part of the story. */
  chapter(title: string): void {
    this.#chapter = title;
    this.#number += 1;
    this.#write('');
    this.#write(`${this.#number}. ${title}`);
  }

  /** Tells something that is not a claim. */
  say(text: string): void {
    this.#write(`   ${text}`);
  }

  /** Says what the board printed on its console. */
  quote(line: string): void {
    this.#write(`   | ${line}`);
  }

  /** Claims something that was just checked. */
  claim(claim: string, held: boolean, found?: string): void {
    const detail = held || found === undefined ? {} : { found };
    this.claims.push({ chapter: this.#chapter, claim, held, ...detail });
    const tail = detail.found === undefined ? '' : `, but found: ${detail.found}`;
    this.#write(`   ${held ? '✓' : '✗'} ${claim}${tail}`);
  }
}
