import * as nodeCrypto from 'node:crypto';
import type { Command } from 'commander';
import {
  accept,
  createNodeCrypto,
  formatImageVersion,
  imageSourceFromBytes,
  parseImageTlvs,
  readImageSummary,
  reject,
  TLV,
  verifyImage,
} from '@brickproof/bootloader-sim';
import type {
  ImageEncryptionPolicy,
  ImageSource,
  ImageSummary,
  ImageTlv,
  Rejected,
  StrategyName,
  VerifiedImage,
  Verdict,
} from '@brickproof/bootloader-sim';
import { readTrustedKeys } from '../board/trusted-keys.js';
import { imageFlagNames } from '../report/image-flags.js';
import { readDecryptionKey } from './agreement-key-file.js';
import { boardOption, readBoardFlag, strategyOption } from './board-flag.js';
import { addGroup, addVerb, sizeArgument } from './command-tree.js';
import { EXIT, type ExitStatus } from './exit-status.js';
import { FILE_BYTES_MAX, readFileBytes } from './files.js';
import { fitOnBoard } from './image-fit.js';
import { toHex } from './image-hash.js';
import { registerImageSignCommand } from './image-sign-command.js';
import { failed, held, report } from './outcome.js';
import type { CliOutcome, JsonValue } from './outcome.js';
import { formatTable } from './table.js';

/** Adds `image` with its verbs: firmware images as files. */
export function registerImageCommand(program: Command): void {
  const image = addGroup(program, 'image', 'show, verify and sign firmware images');
  registerShow(image);
  registerVerify(image);
  registerImageSignCommand(image);
}

interface ShowFlags {
  readonly board?: string;
  readonly strategy?: StrategyName;
}

function registerShow(image: Command): void {
  addVerb(image, {
    usage: 'show <file>',
    description:
      'print what an image says of itself; nothing is verified. With --board also the largest ' +
      'image that each strategy has room for, and whether this one fits',
    example: 'brickproof image show app-1.1.0.bin --board nrf-equal',
  })
    .addOption(boardOption())
    .addOption(strategyOption('only how it fits under this strategy, with --board'))
    .action(async (path: string, flags: ShowFlags, command: Command) => {
      const { json } = command.optsWithGlobals<{ readonly json?: boolean }>();
      report(command, await showOnBoard(path, flags, json === true));
    });
}

async function showOnBoard(path: string, flags: ShowFlags, asJson: boolean): Promise<CliOutcome> {
  const { board, strategy } = flags;
  if (board === undefined) {
    if (strategy === undefined) return show(path).outcome;
    return failed(EXIT.usage, 'board-missing', '--strategy needs the board; name it with --board');
  }
  const named = await readBoardFlag(board, { strategy, asJson });
  if (!named.ok) return named.outcome;
  const { outcome, sizeBytes } = show(path);
  if (sizeBytes === undefined) return outcome;
  const fit = fitOnBoard(sizeBytes, named.board, strategy);
  return held({ ...outcome.json, ...fit.json }, `${outcome.text}\n\n${fit.text}`);
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

/** An image that was shown, and how long it is. */
interface ShownImage {
  readonly outcome: CliOutcome;
  readonly sizeBytes: number | undefined;
}

function show(path: string): ShownImage {
  const refuse = (status: ExitStatus, { code, detail }: Rejected<string>): ShownImage => {
    return { outcome: failed(status, code, detail), sizeBytes: undefined };
  };
  const file = readFileBytes(path);
  if (!file.ok) return refuse(EXIT.usage, file);
  const source = imageSourceFromBytes(file.value);
  const summary = readImageSummary(source);
  if (!summary.ok) return refuse(EXIT.failed, inFile(path, summary));
  const tlvs = parseImageTlvs(source, summary.value.header);
  if (!tlvs.ok) return refuse(EXIT.failed, inFile(path, tlvs));
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
  return { outcome: held(json, text), sizeBytes: summary.value.totalSizeBytes };
}

function inFile(path: string, { code, detail }: Rejected<string>): Rejected<string> {
  return reject(code, `${path}: ${detail}`);
}

function verify(path: string, flags: VerifyFlags): CliOutcome {
  if (flags.key.length === 0) {
    const sentence = 'no key is named; add --key with the PEM file of a key that may have signed';
    return failed(EXIT.usage, 'key-missing', sentence);
  }
  const keys = readTrustedKeys(flags.key);
  if (!keys.ok) return failed(EXIT.usage, keys.code, keys.detail);
  const encryption = readEncryptionPolicy(flags);
  if (!encryption.ok) return failed(EXIT.usage, encryption.code, encryption.detail);
  const file = readFileBytes(path);
  if (!file.ok) return failed(EXIT.usage, file.code, file.detail);
  const policy = {
    keys: keys.value.map(({ key }) => key),
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
    ['flags', imageFlagNames(header).join(', ') || 'none'],
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
    flags: imageFlagNames(header),
  };
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
