import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeFolder } from '../remove-folder.js';
import { GdbListener, type GdbRemote, type WriteWatch } from './gdb-remote.js';

/** The last line of MCUboot on Zephyr before an image runs, or where none can (boot/zephyr/main.c). */
const ENDINGS = [
  { kind: 'jumped', line: 'I: Jumping to the first image slot\r\n' },
  { kind: 'nothing-to-boot', line: 'E: Unable to find bootable image\r\n' },
] as const;

const VERSION_LINE = /^I: Image version: v(\S+)$/m;

const BOOT_TIMEOUT_MS = 20_000;
const CONSOLE_CHARACTERS_MAX = 65_536;

/** When the power goes: instead of one of the writes into a range, which are counted from 0. */
export interface PowerCutMoment extends WriteWatch {
  readonly write: number;
}

/** How a board is to be run. */
export interface QemuBootOptions {
  /** Absent: the power stays. */
  readonly cut?: PowerCutMoment;
  /** The image that was jumped to runs until it says this; absent: it is not let run. */
  readonly imageSays?: string;
}

/** One life of a board, from power-on to when it was stopped. */
export interface QemuBoot {
  readonly ending: (typeof ENDINGS)[number]['kind'] | 'cut';
  /** The version that was booted, if one was. */
  readonly version: string | undefined;
  /** The whole flash, as it was when the board was stopped. */
  readonly dump: Uint8Array;
  /** What it said, with ends of lines as in files. */
  readonly console: string;
}

/**
 * A micro:bit in QEMU, with real firmware in its flash. Each boot is a process of its own, which is
 * gone when the boot is over, whatever it came to. QEMU's loader writes the flash at each reset of
 * the board, so that a board that resets itself is a failure.
 */
export class QemuBoard {
  readonly #command: string;

  constructor(command: string) {
    this.#command = command;
  }

  /** Boots from a flash dump. Throws when the board neither ends nor is cut in time. */
  async boot(dump: Uint8Array, options: QemuBootOptions = {}): Promise<QemuBoot> {
    const folder = mkdtempSync(join(tmpdir(), 'brickproof-qemu-'));
    writeFileSync(join(folder, DUMP_FILE), dump);
    const listener = await GdbListener.open(join(folder, GDB_SOCKET));
    const qemu = this.#start(folder);
    try {
      // A process that ends closes its connection, or never makes one.
      qemu.child.once('close', () => {
        listener.close();
      });
      const ending = await live(await listener.remote, qemu, options);
      const console = qemu.console();
      return { ...ending, version: VERSION_LINE.exec(console)?.[1], console };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`${reason}\n${qemu.console()}${qemu.errors()}`, { cause: error });
    } finally {
      await qemu.kill();
      listener.close();
      removeFolder(folder);
    }
  }

  #start(folder: string): QemuProcess {
    const child = spawn(this.#command, QEMU_ARGUMENTS, {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: BOOT_TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
    return new QemuProcess(child);
  }
}

const DUMP_FILE = 'dump.bin';
const GDB_SOCKET = 'gdb';

/** The processor stands still (-S) until it is told to run. */
const QEMU_ARGUMENTS: readonly string[] = [
  ...['-M', 'microbit', '-S', '-no-reboot', '-display', 'none', '-monitor', 'none'],
  ...['-serial', 'stdio'],
  ...['-chardev', `socket,id=gdb,path=${GDB_SOCKET}`, '-gdb', 'chardev:gdb'],
  ...['-device', `loader,file=${DUMP_FILE},addr=0,force-raw=on`],
];

/** Lives until the console says that it is over, or until the power goes. */
async function live(
  gdb: GdbRemote,
  qemu: QemuProcess,
  options: QemuBootOptions,
): Promise<Pick<QemuBoot, 'ending' | 'dump'>> {
  await gdb.ask('?');
  const { cut, imageSays = '' } = options;
  if (cut !== undefined) await gdb.watch(cut);
  qemu.onEnding(imageSays, () => {
    gdb.interrupt();
  });
  const isCut = await runUntil(gdb, cut);
  const ending = isCut ? 'cut' : qemu.ending();
  if (ending === undefined) throw new Error('the board stopped by itself');
  const dump = await gdb.read(0, FLASH_SIZE_BYTES);
  gdb.close();
  return { ending, dump };
}

/** The flash of the nRF51822 (QEMU hw/arm/nrf51_soc.c). */
const FLASH_SIZE_BYTES = 256 * 1024;

async function runUntil(gdb: GdbRemote, cut: PowerCutMoment | undefined): Promise<boolean> {
  for (let write = 0; ; write += 1) {
    if ((await gdb.resume()) === 'interrupt' || cut === undefined) return false;
    if (write === cut.write) return true;
    await gdb.stepOver(cut);
  }
}

/** A QEMU that runs, and what it says. */
class QemuProcess {
  readonly child: ChildProcess;
  readonly #closed: Promise<void>;
  #console = '';
  #errors = '';
  #tellEnding: () => void = () => undefined;

  constructor(child: ChildProcess) {
    this.child = child;
    this.#closed = new Promise((resolve) => {
      child.once('close', () => {
        resolve();
      });
    });
    child.once('error', (error) => {
      this.#errors += error.message;
    });
    child.stdout?.setEncoding('latin1').on('data', (text: string) => {
      if (this.#console.length < CONSOLE_CHARACTERS_MAX) this.#console += text;
      this.#tellEnding();
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      if (this.#errors.length < CONSOLE_CHARACTERS_MAX) this.#errors += text;
    });
  }

  console(): string {
    return this.#console.replaceAll('\r\n', '\n');
  }

  errors(): string {
    return this.#errors;
  }

  ending(): QemuBoot['ending'] | undefined {
    return ENDINGS.find(({ line }) => this.#console.includes(line))?.kind;
  }

  /** Calls once, when the bootloader is done and the image has said what it has to say. */
  onEnding(imageSays: string, listener: () => void): void {
    this.#tellEnding = () => {
      const place = ENDINGS.map(({ line }) => this.#console.indexOf(line)).find((at) => at >= 0);
      if (place === undefined || !this.#console.includes(imageSays, place)) return;
      this.#tellEnding = () => undefined;
      listener();
    };
    this.#tellEnding();
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.#closed;
  }
}
