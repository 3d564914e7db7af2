import { mkdtempSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPty } from '@brickproof/harness';
import type { Pty } from '@brickproof/harness';

/** A port with a path that stays, as those in /dev/serial/by-id do, to be pulled and put back. */
export class PortLink {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'brickproof-port-'));
  readonly path: string = join(this.folder, 'usb-board-if00');
  #pty: Pty | undefined;

  get pty(): Pty {
    if (this.#pty === undefined) throw new Error('the port is not plugged in');
    return this.#pty;
  }

  /** Puts a new device behind the path; an old one is not told. */
  async plugIn(): Promise<Pty> {
    this.#pty = await openPty();
    const link = join(this.folder, 'new');
    symlinkSync(this.#pty.path, link);
    renameSync(link, this.path);
    return this.#pty;
  }

  unplug(): void {
    rmSync(this.path, { force: true });
    this.#pty?.close();
    this.#pty = undefined;
  }

  close(): void {
    this.unplug();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
