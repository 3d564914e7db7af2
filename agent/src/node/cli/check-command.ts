import { accessSync, constants, existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { accept, formatImageVersion } from '@brickproof/bootloader-sim';
import type { Rejected, VerificationKey } from '@brickproof/bootloader-sim';
import { StoreCounters } from '../../store/store-counters.js';
import { readBootId } from '../boot/boot-record.js';
import { probeSlots } from '../boot/probe-slots.js';
import type { SlotFinding } from '../boot/probe-slots.js';
import type { DeviceConfig } from '../config/device-config.js';
import { createHostCrypto } from '../crypto/host-crypto.js';
import { prepareLinks } from '../daemon/device-links.js';
import { AGENT_EXIT, exitWith } from '../daemon/exit-status.js';
import type { AgentExit, AgentExitStatus } from '../daemon/exit-status.js';
import { STORE_EXITS, openSlots, readKeys } from '../daemon/open-device.js';
import type { Opened } from '../daemon/open-device.js';
import { openDiskStore } from '../storage/disk-store.js';
import type { DiskStore } from '../storage/disk-store.js';
import type { SlotFiles } from '../storage/slot-files.js';
import { findProgram } from '../supervise/find-program.js';
import { describeSystemError } from '../system-error.js';

/**
 * `brickproof-agent check`: looks at everything the configuration names and changes nothing, also
 * beside an agent that runs. All that is wrong is told at once; the first decides the status.
 */
export function checkDevice(config: DeviceConfig): Opened<string> {
  const check = new DeviceCheck();
  check.links(config);
  check.boot(config);
  check.selfTest(config);
  const keys = check.keys(config);
  const slots = check.slots(config);
  const store = check.store(config);
  if (keys !== undefined && slots !== undefined) check.images(config, { keys, slots, store });
  for (const slot of slots ?? []) slot.close();
  store?.close();
  return check.outcome();
}

class DeviceCheck {
  readonly #problems: AgentExit[] = [];
  readonly #lines: string[] = [];

  links(config: DeviceConfig): void {
    const links = prepareLinks(config);
    if (!links.ok) this.#refuse(AGENT_EXIT.config, links);
  }

  boot({ boot }: DeviceConfig): void {
    const bootId = readBootId(boot.bootIdFile);
    if (!bootId.ok) this.#refuse(AGENT_EXIT.config, bootId);
    const folder = firstThatExists(dirname(boot.stateFile));
    try {
      accessSync(folder, constants.W_OK);
    } catch (error) {
      const why = describeSystemError(error);
      this.#complain(
        'boot-state-unwritable',
        `cannot write in ${folder}: ${why}; correct state-file`,
      );
    }
    this.#program(boot.reboot, 'boot.reboot');
  }

  selfTest({ selfTest }: DeviceConfig): void {
    if (selfTest !== undefined) this.#program(selfTest.command, 'self-test.command');
  }

  keys(config: DeviceConfig): readonly VerificationKey[] | undefined {
    const keys = readKeys(config.trust.keyFiles);
    if (!keys.ok) {
      this.#refuse(AGENT_EXIT.keys, keys);
      return undefined;
    }
    this.#lines.push(`keys: ${keys.value.map(({ algorithm }) => algorithm).join(', ')}`);
    return keys.value;
  }

  slots(config: DeviceConfig): SlotFiles | undefined {
    const slots = openSlots(config, { mayCreateSlots: false });
    if (slots.ok) return slots.value;
    if (slots.code === 'slot-file-busy') this.#lines.push(`slots: ${slots.detail}`);
    else this.#refuse(AGENT_EXIT.slots, slots);
    return undefined;
  }

  store(config: DeviceConfig): DiskStore | undefined {
    const store = openDiskStore({ folder: config.store.folder, areas: [] });
    if (store.ok) return store.value;
    if (store.code === 'disk-store-locked') this.#lines.push('store: an agent that runs has it');
    else this.#refuse(STORE_EXITS[store.code], store);
    return undefined;
  }

  /** What the next boot would find; the security counter is known only where the store is. */
  images(
    config: DeviceConfig,
    opened: {
      readonly keys: readonly VerificationKey[];
      readonly slots: SlotFiles;
      readonly store: DiskStore | undefined;
    },
  ): void {
    const { keys, slots, store } = opened;
    const isCounted = config.trust.securityCounter === 'required' && store !== undefined;
    const { findings } = probeSlots({
      strategy: config.slots.strategy,
      slots,
      keys,
      crypto: createHostCrypto(),
      counters: isCounted ? new StoreCounters(store) : undefined,
    });
    findings.forEach((finding, slot) => {
      this.#lines.push(`slot ${slot}: ${describeFinding(finding)}`);
    });
    if (findings.some((finding) => finding.ok)) return;
    const why = findings.map((finding, slot) => `slot ${slot}: ${describeFinding(finding)}`);
    const detail = `the next boot would find no image that may run (${why.join('; ')}); correct device.yaml, or provision`;
    this.#refuse(AGENT_EXIT.nothingBootable, { ok: false, code: 'boot-no-image', detail });
  }

  outcome(): Opened<string> {
    const [first] = this.#problems;
    if (first === undefined) return accept([...this.#lines, 'everything can be used'].join('\n'));
    return { ...first, detail: this.#problems.map(({ detail }) => detail).join('\n') };
  }

  #program([name = '']: readonly string[], key: string): void {
    if (findProgram(name) !== undefined) return;
    this.#complain('program-not-found', `there is no program ${name} to start; correct ${key}`);
  }

  #complain(code: string, detail: string): void {
    this.#refuse(AGENT_EXIT.config, { ok: false, code, detail });
  }

  #refuse(status: AgentExitStatus, refusal: Rejected<string>): void {
    this.#problems.push(exitWith(status, refusal));
  }
}

function describeFinding(finding: SlotFinding): string {
  if (finding.ok) return `image ${formatImageVersion(finding.value.header.version)}, may run`;
  if (finding.code === 'image-bad-magic') return 'no image';
  return `an image that may not run (${finding.code}: ${finding.detail})`;
}

/** The agent makes the folders that are missing; what counts is where it would begin. */
function firstThatExists(folder: string): string {
  return existsSync(folder) || folder === dirname(folder)
    ? folder
    : firstThatExists(dirname(folder));
}
