import * as nodeCrypto from 'node:crypto';
import { statSync } from 'node:fs';
import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import {
  accept,
  buildImage,
  createNodeCrypto,
  formatImageVersion,
  imageSourceFromBytes,
  parseImageVersion,
  readImageSummary,
  reject,
} from '@brickproof/bootloader-sim';
import type {
  BuildSlot,
  ContentKeySizeBytes,
  ImageBuildEncryption,
  ImageBuildOptions,
  ImageBuildRejectCode,
  ImageDependency,
  ImageVersion,
  SigningKey,
  Verdict,
} from '@brickproof/bootloader-sim';
import { loadSigningKey } from '../release/signing-key.js';
import { readEncryptionKey } from './agreement-key-file.js';
import { addVerb, sizeArgument } from './command-tree.js';
import { dependenciesArgument } from './dependencies-argument.js';
import { EXIT } from './exit-status.js';
import { readFileBytes, readFileText, writeFileBytes } from './files.js';
import { toHex } from './image-hash.js';
import { failed, held, report } from './outcome.js';
import type { CliOutcome } from './outcome.js';

/** The flags of `image sign`, in imgtool's words. */
interface SignFlags {
  readonly key?: string;
  readonly version: ImageVersion;
  readonly headerSize: number;
  readonly padHeader?: boolean;
  readonly slotSize?: number;
  readonly align: BuildSlot['alignBytes'];
  readonly maxSectors?: number;
  readonly overwriteOnly?: boolean;
  readonly pad?: boolean;
  readonly test?: boolean;
  readonly confirm?: boolean;
  readonly securityCounter?: number | 'auto';
  readonly romFixed?: number;
  readonly loadAddr?: number;
  readonly erasedVal: 0xff | 0x00;
  readonly nonBootable?: boolean;
  readonly dependencies?: readonly ImageDependency[];
  readonly encrypt?: string;
  readonly encryptKeylen?: ContentKeySizeBytes;
  readonly clear?: boolean;
}

const ALIGNMENTS: readonly BuildSlot['alignBytes'][] = [1, 2, 4, 8, 16, 32];

/** Adds `image sign`, which takes imgtool's flags. */
export function registerImageSignCommand(image: Command): void {
  addVerb(image, {
    usage: 'sign <in> <out>',
    description: 'make a signed image of a firmware binary',
    example:
      'brickproof image sign app.bin app-1.1.0.bin --key root-p256.pem --version 1.1.0 ' +
      '--header-size 0x200 --pad-header --slot-size 472KiB --align 4',
  })
    .option('-k, --key <file>', 'the private key, PEM; without one the image is only hashed')
    .requiredOption('-v, --version <version>', 'such as 1.2.3 or 1.2.3+4', versionArgument)
    .requiredOption('-H, --header-size <size>', 'where the firmware starts', sizeArgument)
    .option('--pad-header', 'the binary has no room for the header; add it')
    .option('-S, --slot-size <size>', 'the size of the slot', sizeArgument)
    .addOption(
      new Option('--align <bytes>', "the flash's write alignment")
        .choices(ALIGNMENTS.map(String))
        .argParser(alignArgument)
        .default(1),
    )
    .option('-M, --max-sectors <count>', 'sectors the trailer has room for', sizeArgument)
    .option('--overwrite-only', 'the trailer is for overwrite-only upgrades')
    .option('--pad', 'fill the slot, with the trailer that starts an upgrade')
    .option('--test', 'as --pad, for one trial boot')
    .option('--confirm', 'as --pad, for good')
    .option(
      '-s, --security-counter <number>',
      'a number, or auto: from the version',
      counterArgument,
    )
    .option(
      '-F, --rom-fixed <address>',
      'the flash address the firmware is linked for',
      sizeArgument,
    )
    .option('-L, --load-addr <address>', 'the RAM address the firmware runs from', sizeArgument)
    .option(
      '-R, --erased-val <value>',
      'what erased flash reads as: 0xff or 0',
      erasedArgument,
      0xff,
    )
    .option('--non-bootable', 'the image can be carried, not booted')
    .option(
      '-d, --dependencies <list>',
      'other images of the board that it needs, and their lowest versions: "(1, 1.2.3)"',
      dependenciesArgument,
    )
    .option(
      '-E, --encrypt <file>',
      "encrypt for the device with this P-256 or X25519 key: its public half, or the device's own",
    )
    .addOption(
      new Option('--encrypt-keylen <bits>', 'AES-128 (the default) or AES-256')
        .choices(['128', '256'])
        .argParser(keyLengthArgument),
    )
    .option('-c, --clear', 'leave the body plain: for a primary slot, which encrypts what it gives')
    .action((input: string, output: string, flags: SignFlags, command: Command) => {
      report(command, sign(input, output, flags));
    });
}

function sign(input: string, output: string, flags: SignFlags): CliOutcome {
  const usage = checkFlags(flags);
  if (usage !== undefined) return failed(EXIT.usage, 'flags-contradict', usage);
  const overwrites = checkOverwrites([input, flags.key, flags.encrypt], output);
  if (overwrites !== undefined) return failed(EXIT.usage, 'output-is-input', overwrites);
  const key = readKey(flags.key);
  if (!key.ok) return failed(EXIT.usage, key.code, key.detail);
  const encryption = readEncryption(flags);
  if (!encryption.ok) return failed(EXIT.usage, encryption.code, encryption.detail);
  const file = readFileBytes(input);
  if (!file.ok) return failed(EXIT.usage, file.code, file.detail);
  const payload = withoutHeaderRoom(file.value, flags);
  if (!payload.ok) return failed(EXIT.usage, payload.code, `${input} ${payload.detail}`);
  const crypto = createNodeCrypto(nodeCrypto);
  const options = {
    ...buildOptions(payload.value, flags, key.value),
    ...(encryption.value === undefined ? {} : { encryption: encryption.value }),
  };
  const image = buildImage(options, crypto);
  if (!image.ok) return failed(statusOf(image.code), image.code, image.detail);
  const written = writeFileBytes(output, image.value);
  if (!written.ok) return failed(EXIT.usage, written.code, written.detail);
  return showSigned(output, image.value, flags);
}

function checkOverwrites(
  inputs: readonly (string | undefined)[],
  output: string,
): string | undefined {
  const lost = inputs.find((path) => path !== undefined && isSameFile(path, output));
  if (lost === undefined) return undefined;
  return `${output} would overwrite ${lost}, which the image is made from; name another output`;
}

/** Whether two paths lead to one file, through links too. What is not there is no file yet. */
function isSameFile(path: string, output: string): boolean {
  const options = { bigint: true, throwIfNoEntry: false } as const;
  try {
    const [one, other] = [statSync(path, options), statSync(output, options)];
    return one !== undefined && one.dev === other?.dev && one.ino === other.ino;
  } catch {
    // Who reads or writes it then says why it cannot be.
    return false;
  }
}

function checkFlags(flags: SignFlags): string | undefined {
  const paddings = [flags.pad, flags.test, flags.confirm].filter(Boolean).length;
  if (paddings > 0 && flags.slotSize === undefined) {
    return '--pad, --test and --confirm fill a slot; add --slot-size';
  }
  if (flags.test === true && flags.confirm === true)
    return '--test and --confirm contradict each other; give one';
  if (flags.romFixed !== undefined && flags.loadAddr !== undefined) {
    return '--rom-fixed and --load-addr contradict each other; give one';
  }
  const isAboutEncryption = flags.encryptKeylen !== undefined || flags.clear === true;
  if (isAboutEncryption && flags.encrypt === undefined) {
    return '--encrypt-keylen and --clear are about an encrypted image; add --encrypt';
  }
  return undefined;
}

function readKey(path: string | undefined): Verdict<SigningKey | undefined, 'key-unusable'> {
  if (path === undefined) return accept(undefined);
  const pem = readFileText(path);
  if (!pem.ok) return reject('key-unusable', pem.detail);
  const key = loadSigningKey(pem.value);
  return key.ok ? key : reject('key-unusable', `${path}: ${key.detail}`);
}

function readEncryption(
  flags: SignFlags,
): Verdict<ImageBuildEncryption | undefined, 'key-unusable'> {
  if (flags.encrypt === undefined) return accept(undefined);
  const key = readEncryptionKey(flags.encrypt);
  if (!key.ok) return key;
  return accept({
    key: key.value,
    contentKeySizeBytes: flags.encryptKeylen ?? 16,
    entropy: (lengthBytes) => new Uint8Array(nodeCrypto.randomBytes(lengthBytes)),
    clear: flags.clear === true,
  });
}

/** Without `--pad-header` the binary was linked with room for the header, and starts with it. */
function withoutHeaderRoom(
  bytes: Uint8Array,
  flags: SignFlags,
): Verdict<Uint8Array, 'header-room-missing'> {
  if (flags.padHeader === true) return accept(bytes);
  const room = bytes.subarray(0, flags.headerSize);
  if (room.byteLength < flags.headerSize || room.some((byte) => byte !== 0)) {
    const detail = `does not start with ${flags.headerSize} zero bytes for the header`;
    return reject('header-room-missing', `${detail}; add --pad-header`);
  }
  return accept(bytes.subarray(flags.headerSize));
}

function buildOptions(
  payload: Uint8Array,
  flags: SignFlags,
  signingKey: SigningKey | undefined,
): ImageBuildOptions {
  const address = addressOf(flags);
  const slot = slotOf(flags);
  return {
    payload,
    version: flags.version,
    headerSizeBytes: flags.headerSize,
    erasedValue: flags.erasedVal,
    nonBootable: flags.nonBootable === true,
    dependencies: flags.dependencies ?? [],
    ...(flags.securityCounter === undefined ? {} : { securityCounter: flags.securityCounter }),
    ...(address === undefined ? {} : { address }),
    ...(signingKey === undefined ? {} : { signingKey }),
    ...(slot === undefined ? {} : { slot }),
  };
}

function addressOf(flags: SignFlags): ImageBuildOptions['address'] {
  if (flags.romFixed !== undefined) return { kind: 'rom-fixed', value: flags.romFixed };
  return flags.loadAddr === undefined ? undefined : { kind: 'ram-load', value: flags.loadAddr };
}

function slotOf(flags: SignFlags): BuildSlot | undefined {
  if (flags.slotSize === undefined) return undefined;
  return {
    sizeBytes: flags.slotSize,
    alignBytes: flags.align,
    padding: paddingOf(flags),
    overwriteOnly: flags.overwriteOnly === true,
    ...(flags.maxSectors === undefined ? {} : { maxSectors: flags.maxSectors }),
  };
}

function paddingOf(flags: SignFlags): BuildSlot['padding'] {
  if (flags.confirm === true) return 'confirm';
  if (flags.test === true) return 'test';
  return flags.pad === true ? 'pad' : 'none';
}

/** A binary that does not fit is news; a number that no header can hold is a wrong flag. */
function statusOf(code: ImageBuildRejectCode): typeof EXIT.failed | typeof EXIT.usage {
  return code === 'build-slot-size' || code === 'build-payload-size' ? EXIT.failed : EXIT.usage;
}

function showSigned(path: string, bytes: Uint8Array, flags: SignFlags): CliOutcome {
  const summary = readImageSummary(imageSourceFromBytes(bytes));
  if (!summary.ok) throw new Error(`the image that was built cannot be read: ${summary.detail}`);
  const hash = toHex(summary.value.hash);
  const version = formatImageVersion(summary.value.header.version);
  const signed = flags.key !== undefined;
  const encrypted = flags.encrypt !== undefined;
  const done = `${signed ? 'signed' : 'hashed, not signed'}${encryptionWords(flags)}`;
  const text = `${path}: ${done}, version ${version}, ${bytes.byteLength} bytes, hash ${hash}`;
  return held({ path, version, bytes: bytes.byteLength, hash, signed, encrypted }, text);
}

function encryptionWords({ encrypt, clear }: SignFlags): string {
  if (encrypt === undefined) return '';
  return clear === true ? ', to be encrypted when it is swapped out' : ', encrypted';
}

function versionArgument(text: string): ImageVersion {
  const version = parseImageVersion(text);
  if (!version.ok) throw new InvalidArgumentError(`${version.detail}.`);
  return version.value;
}

function alignArgument(text: string): BuildSlot['alignBytes'] {
  const align = ALIGNMENTS.find((known) => `${known}` === text);
  if (align === undefined) throw new InvalidArgumentError(`Write ${ALIGNMENTS.join(', ')}.`);
  return align;
}

function keyLengthArgument(text: string): ContentKeySizeBytes {
  if (text !== '128' && text !== '256') throw new InvalidArgumentError('Write 128 or 256.');
  return text === '128' ? 16 : 32;
}

function counterArgument(text: string): number | 'auto' {
  return text === 'auto' ? text : sizeArgument(text);
}

function erasedArgument(text: string): 0xff | 0x00 {
  const value = sizeArgument(text);
  if (value !== 0xff && value !== 0) throw new InvalidArgumentError('Write 0xff or 0.');
  return value;
}
