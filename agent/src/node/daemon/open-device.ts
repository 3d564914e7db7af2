import { readFileSync } from 'node:fs';
import { DONE, accept, reject } from '@brickproof/bootloader-sim';
import type {
  CryptoProvider,
  FlashRejectCode,
  SecurityCounters,
  VerificationKey,
  Verdict,
} from '@brickproof/bootloader-sim';
import { StoreCounters } from '../../store/store-counters.js';
import type { DeviceConfig, SlotConfig } from '../config/device-config.js';
import { createHostCrypto } from '../crypto/host-crypto.js';
import { loadVerificationKey } from '../crypto/verification-key.js';
import { openDiskStore } from '../storage/disk-store.js';
import type { DiskStore, DiskStoreRejectCode } from '../storage/disk-store.js';
import type { SlotFileOptions } from '../storage/file-flash-area.js';
import { openSlotFiles } from '../storage/slot-files.js';
import type { SlotFileRejectCode } from '../storage/open-slot-file.js';
import type { SlotFiles } from '../storage/slot-files.js';
import { describeSystemError } from '../system-error.js';
import { AGENT_EXIT, exitWith } from './exit-status.js';
import type { AgentExit, AgentExitStatus } from './exit-status.js';

/** What a device's configuration names, opened and held. */
export interface OpenDevice {
  readonly config: DeviceConfig;
  readonly slots: SlotFiles;
  readonly store: DiskStore;
  readonly keys: readonly VerificationKey[];
  readonly crypto: CryptoProvider;
  /** Undefined where images need no security counter. */
  readonly counters: SecurityCounters | undefined;
  /** Makes durable what waits in the system's memory. */
  readonly sync: () => Verdict<void, FlashRejectCode>;
  /** Makes durable what waits, and gives everything back. */
  close(): void;
}

/** What was opened, or why the daemon ends. */
export type Opened<T> = { readonly ok: true; readonly value: T } | AgentExit;

/** How the agent ends when its store cannot be opened. */
export const STORE_EXITS: Readonly<Record<DiskStoreRejectCode, AgentExitStatus>> = {
  'disk-store-newer-version': AGENT_EXIT.storeNewer,
  'disk-store-damaged': AGENT_EXIT.storeDamaged,
  'disk-store-unreadable': AGENT_EXIT.storeUnusable,
  'disk-store-unwritable': AGENT_EXIT.storeUnusable,
  'disk-store-locked': AGENT_EXIT.storeUnusable,
};

/** Opens keys, slots and store. Slot files are only made when that is asked for. */
export function openDevice(
  config: DeviceConfig,
  options: { readonly mayCreateSlots: boolean },
): Opened<OpenDevice> {
  const keys = readKeys(config.trust.keyFiles);
  if (!keys.ok) return exitWith(AGENT_EXIT.keys, keys);
  const slots = openSlots(config, options);
  if (!slots.ok) {
    const isMissing = slots.code === 'slot-file-missing';
    const hint = isMissing ? '; "brickproof-agent provision" makes it' : '';
    return exitWith(AGENT_EXIT.slots, { ...slots, detail: slots.detail + hint });
  }
  const store = openDiskStore({ folder: config.store.folder, areas: slots.value });
  if (!store.ok) {
    for (const slot of slots.value) slot.close();
    return exitWith(STORE_EXITS[store.code], store);
  }
  const sync = (): Verdict<void, FlashRejectCode> => {
    const [primary, secondary] = slots.value.map((slot) => slot.sync());
    return primary?.ok === false ? primary : (secondary ?? DONE);
  };
  const isCounted = config.trust.securityCounter === 'required';
  return accept({
    config,
    slots: slots.value,
    store: store.value,
    keys: keys.value,
    crypto: createHostCrypto(),
    counters: isCounted ? new StoreCounters(store.value) : undefined,
    sync,
    close: () => {
      sync();
      for (const slot of slots.value) slot.close();
      store.value.close();
    },
  });
}

/** The slots as a configuration has them. */
export function openSlots(
  config: DeviceConfig,
  options: { readonly mayCreateSlots: boolean },
): Verdict<SlotFiles, SlotFileRejectCode> {
  return openSlotFiles([
    slotOptions(config, { slot: config.slots.primary, name: 'slot0', ...options }),
    slotOptions(config, { slot: config.slots.secondary, name: 'slot1', ...options }),
  ]);
}

function slotOptions(
  { slots }: DeviceConfig,
  place: { readonly slot: SlotConfig; readonly name: string; readonly mayCreateSlots: boolean },
): SlotFileOptions {
  return {
    path: place.slot.path,
    name: place.name,
    flashOffset: place.slot.address,
    sizeBytes: slots.sizeBytes,
    sectorSizeBytes: slots.sectorSizeBytes,
    writeAlignBytes: slots.writeAlignBytes,
    mayCreate: place.mayCreateSlots,
  };
}

/** Why a key in a file is not trusted. */
export type KeyFileRejectCode = 'key-file-unreadable' | 'key-file-unusable';

/** Reads public keys. A device that held a private one would let whoever steals it sign. */
export function readKeys(
  files: readonly string[],
): Verdict<readonly VerificationKey[], KeyFileRejectCode> {
  const keys: VerificationKey[] = [];
  for (const file of files) {
    let pem: string;
    try {
      pem = readFileSync(file, 'utf8');
    } catch (error) {
      const detail = `cannot read the key ${file}: ${describeSystemError(error)}; correct trust.keys`;
      return reject('key-file-unreadable', detail);
    }
    if (/PRIVATE KEY/.test(pem)) {
      const detail = `${file} holds a private key, which has no place on a device; put its public half there (openssl pkey -pubout)`;
      return reject('key-file-unusable', detail);
    }
    const key = loadVerificationKey(pem);
    if (!key.ok) {
      const detail = `${file} holds no usable public key: ${key.detail}; correct trust.keys`;
      return reject('key-file-unusable', detail);
    }
    keys.push(key.value);
  }
  return accept(keys);
}
