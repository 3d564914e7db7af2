import type { Store } from '@brickproof/agent';
import { equalBytes, seededRandom, type FlashArea } from '@brickproof/bootloader-sim';
import { agentOf, type SceneAgent } from './scene-firmware.js';
import { oldImage, type SceneRecipe } from './scene-kit.js';
import type { Session, SessionDevice, SessionEnd } from './scene.js';

/** One change that the firmware makes; an undefined value deletes. */
interface StoreChange {
  readonly key: number;
  readonly value: Uint8Array | undefined;
}

const [FIRST_KEY, SECOND_KEY] = [0x0101, 0x0102];

/** Set in turn, so many times that the store moves to its other sector twice after the first one. */
const CHANGES = 7;
/** Which of the changes deletes a value; it is set again later on. */
const DELETED_AT = 3;
/** Values of such a part of a sector: three records fill it. */
const VALUES_PER_SECTOR = 4;

/** A store alone: nothing is updated, the firmware writes down one value after the other. */
export const STORE: SceneRecipe = {
  summary: 'the firmware keeps values in its store, replaces and deletes them',
  prepare: (kit) => {
    const old = oldImage(kit);
    kit.board.provision(old);
    const agent = agentOf(kit.device);
    const writes: Session = { name: 'writes values', run: (device) => writeValues(agent, device) };
    const isDone = ({ position }: { readonly position: number }): boolean => position === CHANGES;
    return {
      images: [old],
      position: 0,
      judge: () => undefined,
      sessions: () => [writes],
      hasArrived: isDone,
      isSettled: isDone,
      storeDetail: 'whole',
    };
  },
};

/** The position says how many changes the store has acknowledged. */
function writeValues({ openLogStore }: SceneAgent, device: SessionDevice): SessionEnd {
  const area = device.area('store');
  const opened = openLogStore(area);
  if (!opened.ok) throw new Error(opened.detail);
  const store = opened.value;
  const changes = changesFor(area);
  checkAll(device, store, changes);
  for (const { key, value } of changes.slice(device.position)) {
    const done = value === undefined ? store.delete(key) : store.set(key, value);
    if (!done.ok) {
      device.violate('store-keeps', `a change of key ${key} was refused: ${done.detail}`);
      return 'stays-up';
    }
    device.position += 1;
    checkAll(device, store, changes.slice(0, device.position));
  }
  return 'stays-up';
}

/** Each key says what was acknowledged last, or what was being written when the power went. */
function checkAll(device: SessionDevice, store: Store, changes: readonly StoreChange[]): void {
  const { position } = device;
  const underWay = changes[position];
  for (const key of [FIRST_KEY, SECOND_KEY]) {
    const found = store.get(key);
    const kept = valueAfter(changes.slice(0, position), key);
    if (isSame(found, kept)) continue;
    if (underWay?.key === key && isSame(found, underWay.value)) continue;
    const detail = `after ${position} changes key ${key} says ${inWords(found)}, not ${inWords(kept)}`;
    device.violate('store-keeps', detail);
  }
}

function changesFor({ sectors }: FlashArea): readonly StoreChange[] {
  const sectorBytes = Math.min(...sectors.map(({ sizeBytes }) => sizeBytes));
  const random = seededRandom(sectorBytes);
  const lengthBytes = Math.floor(sectorBytes / VALUES_PER_SECTOR);
  return Array.from({ length: CHANGES }, (_, index): StoreChange => {
    const key = index % 2 === 0 ? FIRST_KEY : SECOND_KEY;
    if (index === DELETED_AT) return { key, value: undefined };
    // Each value has another length, and other bytes.
    const value = Uint8Array.from({ length: lengthBytes - index }, () => random() * 256);
    return { key, value };
  });
}

function valueAfter(changes: readonly StoreChange[], key: number): Uint8Array | undefined {
  return changes.findLast((change) => change.key === key)?.value;
}

function isSame(one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return equalBytes(one, other);
}

const SHOWN_BYTES = 4;

function inWords(value: Uint8Array | undefined): string {
  if (value === undefined) return 'nothing';
  const start = Array.from(value.subarray(0, SHOWN_BYTES), (byte) => byte.toString(16));
  return `${value.byteLength} bytes from ${start.join(' ')}`;
}
