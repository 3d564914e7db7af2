import { hasImageFlag, type IMAGE_FLAG, type ImageHeader } from '@brickproof/bootloader-sim';

const NAMES: readonly (keyof typeof IMAGE_FLAG)[] = [
  'encryptedAes128',
  'encryptedAes256',
  'nonBootable',
  'ramLoad',
  'romFixed',
];

/** The flags that a header has, by their names. */
export function imageFlagNames(header: ImageHeader): readonly string[] {
  return NAMES.filter((flag) => hasImageFlag(header, flag));
}
