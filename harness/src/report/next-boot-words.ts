import {
  formatImageVersion,
  type ImageDescription,
  type StrategyName,
  type SwapType,
  type VerifiedImage,
} from '@brickproof/bootloader-sim';
import type { NextBoot } from '../board/rehearse-boot.js';
import type { SwapAreas } from './swap-words.js';

/** What the trailers of an image ask the bootloader for, in a sentence. */
export function requestSentence(
  strategy: StrategyName,
  { request, swap }: ImageDescription,
  areas: SwapAreas,
): string {
  const { primary, secondary } = areas;
  if (request === undefined) return 'the highest version that may run is chosen';
  if (swap !== undefined && swap.canResume) return 'the swap is finished first';
  const sentences: Readonly<Record<SwapType, string>> = {
    none: 'nothing is asked for',
    test: `${secondary} asks to be swapped in on trial`,
    permanent: `${secondary} asks to be swapped in for good`,
    revert: `the image in ${primary} was not confirmed: it is to be swapped back`,
  };
  if (strategy !== 'overwrite-only') return sentences[request];
  // Overwriting has no way back, and so no trial.
  const isAsked = request === 'test' || request === 'permanent';
  return isAsked ? `${secondary} asks to be copied over ${primary}` : sentences.none;
}

/** What comes of the next boot: what is done, what then runs, and whether it stays. */
export function outcomeSentences(next: NextBoot): readonly string[] {
  const { booted, erases, writes } = next;
  const isIdle = erases + writes === 0;
  const work = isIdle
    ? 'the flash stays as it is'
    : `the bootloader erases ${countOf(erases, 'sector')} and writes ${countOf(writes, 'time')}`;
  if (!booted.ok) return [work, 'nothing may run: the board is stuck'];
  const { image, slot, others } = booted.value;
  const also = others.map(({ image: other, slot: at }, index) => {
    return `image ${index + 1}, ${versionOf(other)}, from its slot ${at}`;
  });
  const what = `${versionOf(image)} runs from slot${slot}`;
  const beside = also.length === 0 ? '' : `, beside ${also.join(' and ')}`;
  return [work, `${what}${beside}, ${stayWords(next)}`];
}

function stayWords({ isTrial, isConfirmed, unconfirmed }: NextBoot): string {
  if (isTrial) {
    const then =
      unconfirmed?.ok === true
        ? `runs ${versionOf(unconfirmed.value.image)} from slot${unconfirmed.value.slot}`
        : 'finds nothing to run';
    return `on trial: unless it is confirmed, the boot after ${then}`;
  }
  return isConfirmed ? 'confirmed' : 'to stay';
}

function versionOf({ header }: VerifiedImage): string {
  return formatImageVersion(header.version);
}

function countOf(count: number, unit: string): string {
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}
