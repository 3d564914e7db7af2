import * as nodeCrypto from 'node:crypto';
import type { Command } from 'commander';
import { loadVerificationKey } from '@brickproof/agent/node';
import {
  accept,
  createNodeCrypto,
  formatImageVersion,
  hasImageFlag,
  imageSourceFromBytes,
  parseImageTlvs,
  readImageSummary,
  reject,
  TLV,
  verifyImage,
} from '@brickproof/bootloader-sim';
import type {
  IMAGE_FLAG,
  ImageEncryptionPolicy,
  ImageHeader,
  ImageSource,
  ImageSummary,
  ImageTlv,
  VerificationKey,
  VerifiedImage,
  Verdict,
} from '@brickproof/bootloader-sim';
import { readDecryptionKey } from './agreement-key-file.js';
import { addGroup, addVerb, sizeArgument } from './command-tree.js';
import { EXIT } from './exit-status.js';
import { FILE_BYTES_MAX, readFileBytes, readFileText } from './files.js';
import { toHex } from './image-hash.js';
import { registerImageSignCommand } from './image-sign-command.js';
import { failed, held, report } from './outcome.js';
import type { CliOutcome, JsonValue } from './outcome.js';
import { formatTable } from './table.js';

/** Adds `image` with its verbs: firmware images as files. */
export function registerImageCommand(program: Command): void {
  const image = addGroup(program, 'image', 'show, verify and sign firmware images');
  addVerb(image, {
    usage: 'show <file>',
    description: 'print what an image says of itself; nothing is verified',
    example: 'brickproof image show app-1.1.0.bin',
  }).action((path: string, _options: unknown, command: Command) => {
    report(command, show(path));
  });
  registerVerify(image);
  registerImageSignCommand(image);
}

interface VerifyFlags {
  readonly key: readonly string[];
  readonly slotSize?: number;
  readonly securityCounter?: number;
  readonly slotAddress?: number;
  readonly decrypt?: string;
  readonly clear?: boolean;
}

function registerVerify(image: Command): void {
  addVerb(image, {
    usage: 'verify <file>',
    description: 'decide whether an image may run, as a bootloader with these keys would',
    example: 'brickproof image verify app-1.1.0.bin --key root-p256.pem',
  })
    .option('-k, --key <file>', 'a key that may have signed, PEM; may be repeated', collect, [])
    .option('-S, --slot-size <size>', 'the size of the slot', sizeArgument)
    .option('-s, --security-counter <number>', 'the lowest counter the device takes', sizeArgument)
    .option('-F, --slot-address <address>', 'where in flash the image would run', sizeArgument)
    .option('--decrypt <file>', 'for an encrypted image: the key of the device, PEM')
    .option('--clear', 'an image flagged as encrypted lies plain, as in a primary slot')
    .action((path: string, flags: VerifyFlags, command: Command) => {
      report(command, verify(path, flags));
    });
}

function show(path: string): CliOutcome {
  const file = readFileBytes(path);
  if (!file.ok) return failed(EXIT.usage, file.code, file.detail);
  const source = imageSourceFromBytes(file.value);
  const summary = readImageSummary(source);
  if (!summary.ok) return failed(EXIT.failed, summary.code, `${path}: ${summary.detail}`);
  const tlvs = parseImageTlvs(source, summary.value.header);
  if (!tlvs.ok) return failed(EXIT.failed, tlvs.code, `${path}: ${tlvs.detail}`);
  const { entries } = tlvs.value;
  const json = {
    ...summaryToJson(summary.value),
    fileBytes: file.value.byteLength,
    tlvs: entries.map((entry) => tlvToJson(entry, source)),
  };
  const rows = entries.map((entry) => [
    tlvName(entry.type),
    entry.protected ? 'protected' : '',
    `${entry.sizeBytes} bytes`,
    shortValue(entry, source),
  ]);
  const text = `${formatTable(summaryRows(summary.value))}\n\nTLVs:\n${formatTable(rows)}`;
  return held(json, text);
}

function verify(path: string, flags: VerifyFlags): CliOutcome {
  if (flags.key.length === 0) {
    const sentence = 'no key is named; add --key with the PEM file of a key that may have signed';
    return failed(EXIT.usage, 'key-missing', sentence);
  }
  const keys = readKeys(flags.key);
  if (!keys.ok) return failed(EXIT.usage, keys.code, keys.detail);
  const encryption = readEncryptionPolicy(flags);
  if (!encryption.ok) return failed(EXIT.usage, encryption.code, encryption.detail);
  const file = readFileBytes(path);
  if (!file.ok) return failed(EXIT.usage, file.code, file.detail);
  const policy = {
    keys: keys.value,
    maxImageSizeBytes: flags.slotSize ?? FILE_BYTES_MAX,
    minimumSecurityCounter: flags.securityCounter,
    slotAddress: flags.slotAddress,
    encryption: encryption.value,
  };
  const crypto = createNodeCrypto(nodeCrypto);
  const verified = verifyImage(imageSourceFromBytes(file.value), policy, crypto);
  if (!verified.ok) {
    const hint = verified.code === 'image-encryption-key-missing' ? '; name it with --decrypt' : '';
    return failed(EXIT.failed, verified.code, `${path}: ${verified.detail}${hint}`);
  }
  return showVerified(verified.value, flags.key);
}

type EncryptionVerdict = Verdict<
  ImageEncryptionPolicy | undefined,
  'key-unusable' | 'flags-contradict'
>;

function readEncryptionPolicy({ decrypt, clear = false }: VerifyFlags): EncryptionVerdict {
  if (decrypt === undefined) return accept(clear ? { body: 'plain' } : undefined);
  if (clear) {
    const sentence = '--decrypt and --clear contradict each other; give one';
    return reject('flags-contradict', sentence);
  }
  const key = readDecryptionKey(decrypt);
  return key.ok ? accept({ body: 'encrypted', key: key.value }) : key;
}

function showVerified(image: VerifiedImage, keyPaths: readonly string[]): CliOutcome {
  const key = image.keyIndex === undefined ? undefined : keyPaths[image.keyIndex];
  const counter = image.securityCounter;
  const rows = [
    ...summaryRows(image),
    ['security counter', counter === undefined ? 'none' : `${counter}`],
    ['signed by', key ?? 'nobody'],
  ];
  const json = { ...summaryToJson(image), key: key ?? null, securityCounter: counter ?? null };
  return held(json, `the image is good\n${formatTable(rows)}`);
}

type KeysVerdict = Verdict<readonly VerificationKey[], 'key-unusable'>;

function readKeys(paths: readonly string[]): KeysVerdict {
  const keys: VerificationKey[] = [];
  for (const path of paths) {
    const pem = readFileText(path);
    if (!pem.ok) return reject('key-unusable', pem.detail);
    const key = loadVerificationKey(pem.value);
    if (!key.ok) return reject('key-unusable', `${path}: ${key.detail}`);
    keys.push(key.value);
  }
  return accept(keys);
}

function collect(path: string, before: readonly string[]): readonly string[] {
  return [...before, path];
}

function summaryRows(summary: ImageSummary): readonly (readonly string[])[] {
  const { header } = summary;
  return [
    ['version', formatImageVersion(header.version)],
    ['size', `${summary.totalSizeBytes} bytes`],
    ['header', `${header.headerSizeBytes} bytes`],
    ['body', `${header.bodySizeBytes} bytes`],
    ['flags', flagNames(header).join(', ') || 'none'],
    ['load address', `0x${header.loadAddress.toString(16)}`],
    ['hash', toHex(summary.hash)],
  ];
}

function summaryToJson(summary: ImageSummary): Record<string, JsonValue> {
  const { header } = summary;
  return {
    version: formatImageVersion(header.version),
    hash: toHex(summary.hash),
    totalSizeBytes: summary.totalSizeBytes,
    headerSizeBytes: header.headerSizeBytes,
    bodySizeBytes: header.bodySizeBytes,
    loadAddress: header.loadAddress,
    flags: flagNames(header),
  };
}

const FLAG_NAMES: readonly (keyof typeof IMAGE_FLAG)[] = [
  'encryptedAes128',
  'encryptedAes256',
  'nonBootable',
  'ramLoad',
  'romFixed',
];

function flagNames(header: ImageHeader): readonly string[] {
  return FLAG_NAMES.filter((flag) => hasImageFlag(header, flag));
}

const TLV_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(TLV).map(([name, type]) => [type, name]),
);

function tlvName(type: number): string {
  return TLV_NAMES.get(type) ?? `0x${type.toString(16)}`;
}

const SHOWN_VALUE_BYTES_MAX = 32;

function shortValue(entry: ImageTlv, source: ImageSource): string {
  const value = toHex(source.read(entry.offset, Math.min(entry.sizeBytes, SHOWN_VALUE_BYTES_MAX)));
  return entry.sizeBytes > SHOWN_VALUE_BYTES_MAX ? `${value}…` : value;
}

function tlvToJson(entry: ImageTlv, source: ImageSource): JsonValue {
  return {
    type: entry.type,
    name: tlvName(entry.type),
    protected: entry.protected,
    value: toHex(source.read(entry.offset, entry.sizeBytes)),
  };
}
