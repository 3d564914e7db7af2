import { InvalidArgumentError } from 'commander';
import {
  BOOT_IMAGES_MAX,
  parseImageVersion,
  type ImageDependency,
} from '@brickproof/bootloader-sim';

const ONE = /^\(\s*(\d{1,3})\s*,\s*([^(),\s]+)\s*\)$/;
/** Commas between parentheses part them; those inside belong to one. */
const BETWEEN = /(?<=\))\s*,\s*(?=\()/;

/**
 * For flags that take what an image needs, as imgtool has it: `(1, 1.2.3+0), (2, 2.0.0)`. Each is
 * another image of the board, by its number, and the lowest version of it.
 */
export function dependenciesArgument(text: string): readonly ImageDependency[] {
  const dependencies = text.trim().split(BETWEEN).map(readDependency);
  const numbers = new Set(dependencies.map(({ imageIndex }) => imageIndex));
  if (numbers.size < dependencies.length) {
    throw new InvalidArgumentError('Name each image once.');
  }
  return dependencies;
}

function readDependency(text: string): ImageDependency {
  const [, number = '', versionText = ''] = ONE.exec(text) ?? [];
  if (number === '') throw new InvalidArgumentError('Write (IMAGE, VERSION), such as (1, 1.2.3).');
  const imageIndex = Number(number);
  if (imageIndex >= BOOT_IMAGES_MAX) {
    throw new InvalidArgumentError(`A board has images 0 to ${BOOT_IMAGES_MAX - 1}.`);
  }
  const version = parseImageVersion(versionText);
  if (!version.ok) throw new InvalidArgumentError(`${version.detail}.`);
  return { imageIndex, minimumVersion: version.value };
}
