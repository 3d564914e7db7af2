import type { FaultStrike } from '@brickproof/bootloader-sim';
import type { DeviceModel } from '../board/device-model.js';
import { formatEffect } from './effect-text.js';

/** What has happened, for the console of a board. */
export function describeStrike(strike: FaultStrike, model: DeviceModel): string {
  if (strike.kind === 'flipped') {
    return `bit ${strike.bit} flipped at ${formatPlace(strike.offset, model)}`;
  }
  const { fault, operation, interruption } = strike;
  const { kind, lengthBytes, offset } = operation;
  const what = `${kind} of ${lengthBytes} bytes at ${formatPlace(offset, model)}`;
  const left = `left ${formatEffect(interruption.effect)}`;
  if (fault.kind === 'power-cut') return `power cut in the ${what}, ${left}`;
  const why = fault.kind === 'worn-out' ? ', worn out' : '';
  return `failed ${what}${why}, ${left}`;
}

/** An offset in the flash as a place in one of its areas: `slot1+0x1000`. */
export function formatPlace(offset: number, { areas }: DeviceModel): string {
  const area = areas.find(
    (known) => known.offset <= offset && offset < known.offset + known.sizeBytes,
  );
  const inside = `0x${(offset - (area?.offset ?? 0)).toString(16)}`;
  return area === undefined ? inside : `${area.name}+${inside}`;
}
