import { closestWord, parseSize } from '@brickproof/agent/node';
import {
  accept,
  reject,
  type FaultMoment,
  type FlashFault,
  type FlashRange,
  type InterruptingFault,
  type Verdict,
  type WriteEffect,
} from '@brickproof/bootloader-sim';
import type { DeviceModel } from '../board/device-model.js';
import { parseWriteEffect } from './effect-text.js';
import type { FaultDocument, StruckDocument } from './fault-schema.js';

/** Why a fault that is right in form is none of this board. */
export type FaultRejectCode = 'fault-misplaced';

interface PlaceDocument {
  readonly at?: number | string;
  readonly length?: number | string;
}

/** The fault that a document means on a board of this model. Its schema has accepted it. */
export function readFault(
  document: FaultDocument,
  model: DeviceModel,
): Verdict<FlashFault, FaultRejectCode> {
  const { 'power-cut': cut, failure, 'worn-out': wornOut, 'flipped-bit': flipped } = document;
  if (cut !== undefined) return readStruck('power-cut', cut, model);
  if (failure !== undefined) return readStruck('failure', failure, model);
  const place = wornOut ?? flipped;
  if (place === undefined) throw new TypeError('a fault without a kind');
  const range = readRange(place, model);
  if (!range.ok) return range;
  if (wornOut !== undefined) {
    return accept({
      kind: 'worn-out',
      range: range.value,
      erases: wornOut.erases ?? 0,
      write: writeEffectOf(wornOut.write ?? 'unstable'),
      erase: wornOut.erase ?? 'weak',
    });
  }
  return accept({
    kind: 'flipped-bit',
    range: range.value,
    ...(flipped?.bit === undefined ? {} : { bit: flipped.bit }),
    ...(flipped?.operation === undefined ? {} : { beforeOperation: flipped.operation }),
  });
}

/** The same for the power cuts and failures of operations. */
export function readStruck(
  kind: InterruptingFault['kind'],
  document: StruckDocument,
  model: DeviceModel,
): Verdict<InterruptingFault, FaultRejectCode> {
  const range = document.at === undefined ? undefined : readRange(document, model);
  if (range?.ok === false) return range;
  return accept({
    kind,
    when: momentOf(document),
    ...(document.on === undefined ? {} : { on: document.on }),
    ...(range === undefined ? {} : { range: range.value }),
    write: writeEffectOf(document.write ?? 'untouched'),
    erase: document.erase ?? 'untouched',
  });
}

function momentOf({ operation, rate }: StruckDocument): FaultMoment {
  return operation === undefined
    ? { kind: 'rate', rate: rate ?? 1 }
    : { kind: 'operation', number: operation };
}

function writeEffectOf(text: string): WriteEffect {
  const effect = parseWriteEffect(text);
  if (!effect.ok) throw new RangeError(effect.detail);
  return effect.value;
}

function readRange(
  { at = 0, length }: PlaceDocument,
  model: DeviceModel,
): Verdict<FlashRange, FaultRejectCode> {
  const whole = { name: 'the flash', offset: 0, sizeBytes: model.geometry.sizeBytes };
  const [, name, offsetText] = /^([a-z][a-z0-9]*)(?:\+(.+))?$/.exec(`${at}`) ?? [];
  const area = name === undefined ? whole : model.areas.find((known) => known.name === name);
  if (area === undefined) return refuseArea(name ?? '', model);
  const start = name === undefined ? sizeOf(at) : sizeOf(offsetText ?? 0);
  const isWholeArea = name !== undefined && offsetText === undefined;
  const lengthBytes = length === undefined ? (isWholeArea ? area.sizeBytes : 1) : sizeOf(length);
  if (lengthBytes < 1 || start + lengthBytes > area.sizeBytes) {
    const detail = `${lengthBytes} bytes at ${at} are not all there: ${area.name} has ${area.sizeBytes}`;
    return reject('fault-misplaced', detail);
  }
  return accept({ offset: area.offset + start, lengthBytes });
}

function refuseArea(name: string, { areas }: DeviceModel): Verdict<never, FaultRejectCode> {
  const names = areas.map((area) => area.name);
  const meant = closestWord(name, names);
  const help = meant === undefined ? `there are ${names.join(', ')}` : `did you mean ${meant}?`;
  return reject('fault-misplaced', `the flash has no area ${name}; ${help}`);
}

/** Bytes of a size that a schema has accepted. */
function sizeOf(size: number | string): number {
  const parsed = parseSize(`${size}`);
  if (!parsed.ok) throw new RangeError(parsed.detail);
  return parsed.value;
}
