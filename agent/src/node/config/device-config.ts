import * as v from 'valibot';
import type { GenericSchema } from 'valibot';
import type { StrategyName, Verdict } from '@brickproof/bootloader-sim';
import { parseDuration } from './duration.js';
import { parseSize } from './size.js';

/**
 * The strategies that work on slots in files: those that never move an image by sectors, since the
 * daemon itself, not a bootloader, decides which slot runs.
 */
export const DEVICE_STRATEGIES: readonly ['direct-xip', 'overwrite-only'] = [
  'direct-xip',
  'overwrite-only',
];

/** Where one slot is kept. */
export interface SlotConfig {
  /** A file, which `provision` makes, or a block device, which is there already. */
  readonly path: string;
  /** What an image that is linked for a fixed address must be linked for, to run from here. */
  readonly address: number;
}

/** The two slots. */
export interface SlotsConfig {
  readonly strategy: StrategyName;
  readonly primary: SlotConfig;
  readonly secondary: SlotConfig;
  /** Of each slot, in bytes. */
  readonly sizeBytes: number;
  /** What is erased, and resumed, at a time. */
  readonly sectorSizeBytes: number;
  readonly writeAlignBytes: 1 | 2 | 4 | 8 | 16 | 32;
}

/** How the device learns of its boots, and how it is rebooted. */
export interface BootConfig {
  /** Where it is noted which slot this boot chose. Lost at a reboot, or told stale by the boot id. */
  readonly stateFile: string;
  /** A file whose text is another one after each boot. */
  readonly bootIdFile: string;
  /** The program that reboots the device, and its arguments. */
  readonly reboot: readonly string[];
}

/** The first run of a new image. */
export interface TrialConfig {
  readonly settleMs: number;
  readonly timeoutMs: number;
  readonly confirm: 'self-test' | 'request';
}

/** A program of the user's own that says whether the running firmware is well. */
export interface SelfTestConfig {
  readonly command: readonly string[];
  /** It counts as failed after that. */
  readonly timeoutMs: number;
}

/** What clients are told of a link's buffers. */
export interface BufferConfig {
  readonly bufferSizeBytes: number;
  readonly bufferCount: number;
}

/** SMP at a serial port. */
export interface SerialConfig extends BufferConfig {
  readonly path: string;
  readonly baudRate: number;
  readonly flow: 'none' | 'rtscts' | 'xonxoff';
}

/** SMP over a broker. */
export interface MqttConfig extends BufferConfig {
  readonly url: string;
  readonly prefix: string;
  readonly caFile: string | undefined;
  readonly certificateFile: string | undefined;
  readonly keyFile: string | undefined;
  readonly username: string | undefined;
  readonly passwordFile: string | undefined;
  readonly clientId: string | undefined;
  readonly serverName: string | undefined;
  readonly keepAliveMs: number;
  /** Lets `mqtt://` leave this machine, without encryption and without knowing the broker. */
  readonly plaintext: 'refused' | 'allowed';
}

/** SMP in datagrams. */
export interface UdpConfig extends BufferConfig {
  readonly bind: string;
  readonly port: number;
}

/** All that `device.yaml` says. */
export interface DeviceConfig {
  readonly device: { readonly name: string; readonly hardware: string };
  readonly slots: SlotsConfig;
  readonly trust: {
    readonly keyFiles: readonly string[];
    readonly securityCounter: 'required' | 'none';
  };
  readonly store: { readonly folder: string };
  readonly boot: BootConfig;
  readonly trial: TrialConfig;
  readonly selfTest: SelfTestConfig | undefined;
  readonly links: {
    readonly serial: SerialConfig | undefined;
    readonly mqtt: MqttConfig | undefined;
    readonly udp: UdpConfig | undefined;
  };
}

const KIB = 1024;
const MIB = KIB * KIB;
/** The largest slot a device has. */
export const SLOT_SIZE_BYTES_MAX: number = 1024 * MIB;
const SECTOR_SIZE_BYTES_MIN = 512;
const SECTOR_SIZE_BYTES_MAX = 16 * MIB;
const TIME_MS_MAX = 24 * 3_600_000;
const KEYS_MAX = 16;
const ARGUMENTS_MAX = 64;
const BUFFER_SIZE_BYTES_MIN = 256;
/** What SMP's 16-bit length can say, header included. */
const BUFFER_SIZE_BYTES_MAX = 65_535 + 8;
const BUFFER_COUNT_MAX = 32;
const BUFFER_COUNT_DEFAULT = 4;
const PORT_MAX = 65_535;

type Text = GenericSchema<unknown, string>;
type Whole = GenericSchema<unknown, number>;
type Words = GenericSchema<unknown, readonly string[]>;

/** A size, written 4096, 0x1000, 4KiB or 1MiB. */
function size(range: Range): Whole {
  const form = 'a size such as 4096, 0x1000, 128KiB or 16MiB';
  return v.pipe(
    v.union([v.number(), v.string()], form),
    read((written) => parseSize(String(written)), form),
    v.minValue(range.min),
    v.maxValue(range.max),
  );
}

/** A time, written 250ms, 10s, 5min or 1h; in milliseconds. */
function time(range: Range): Whole {
  const form = 'a time such as 250ms, 10s, 5min or 1h';
  return v.pipe(
    v.string(form),
    read(parseDuration, form),
    v.minValue(range.min),
    v.maxValue(range.max),
  );
}

interface Range {
  readonly min: number;
  readonly max: number;
}

function read<T>(
  parse: (written: T) => Verdict<number, string>,
  form: string,
): v.RawTransformAction<T, number> {
  return v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const parsed = parse(dataset.value);
    if (parsed.ok) return parsed.value;
    addIssue({ message: form });
    return NEVER;
  });
}

function whole(min: number, max: number): Whole {
  return v.pipe(v.number(), v.integer('a whole number'), v.minValue(min), v.maxValue(max));
}

const path: Text = v.pipe(v.string(), v.nonEmpty('the path of a file'));
const words: Words = v.pipe(
  v.array(v.pipe(v.string(), v.nonEmpty('a word'))),
  v.minLength(1, 'a list that begins with a program'),
  v.maxLength(ARGUMENTS_MAX, `at most ${ARGUMENTS_MAX} words`),
);
const name: Text = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9._-]{1,64}$/, '1 to 64 letters, digits, dots, dashes or underscores'),
);
const slot: GenericSchema<unknown, SlotConfig> = v.strictObject({
  path,
  address: v.optional(size({ min: 0, max: 0xffff_ffff }), 0),
});

function bufferEntries(bufferSizeBytes: number): {
  readonly 'buffer-size': Whole;
  readonly 'buffer-count': Whole;
} {
  const range = { min: BUFFER_SIZE_BYTES_MIN, max: BUFFER_SIZE_BYTES_MAX };
  return {
    'buffer-size': v.optional(size(range), bufferSizeBytes),
    'buffer-count': v.optional(whole(1, BUFFER_COUNT_MAX), BUFFER_COUNT_DEFAULT),
  };
}

function absent<T>(schema: GenericSchema<unknown, T>): GenericSchema<unknown, T | undefined> {
  return v.optional(schema);
}

const serial: GenericSchema<unknown, SerialConfig> = v.pipe(
  v.strictObject({
    path,
    baud: v.optional(whole(50, 20_000_000), 115_200),
    flow: v.optional(v.picklist(['none', 'rtscts', 'xonxoff']), 'none'),
    ...bufferEntries(4 * KIB),
  }),
  v.transform((entries) => ({
    path: entries.path,
    baudRate: entries.baud,
    flow: entries.flow,
    bufferSizeBytes: entries['buffer-size'],
    bufferCount: entries['buffer-count'],
  })),
);

const mqtt: GenericSchema<unknown, MqttConfig> = v.pipe(
  v.strictObject({
    url: v.pipe(
      v.string(),
      v.regex(/^mqtts?:\/\/[^/\s]+\/?$/, 'a broker, written mqtts://HOST:PORT'),
    ),
    prefix: v.optional(name, 'brickproof'),
    ca: absent(path),
    certificate: absent(path),
    key: absent(path),
    username: absent(v.string()),
    'password-file': absent(path),
    'client-id': absent(name),
    'server-name': absent(v.string()),
    'keep-alive': v.optional(time({ min: 1_000, max: 3_600_000 }), '30s'),
    plaintext: v.optional(v.picklist(['refused', 'allowed']), 'refused'),
    ...bufferEntries(64 * KIB - 1),
  }),
  v.transform((entries) => ({
    url: entries.url,
    prefix: entries.prefix,
    caFile: entries.ca,
    certificateFile: entries.certificate,
    keyFile: entries.key,
    username: entries.username,
    passwordFile: entries['password-file'],
    clientId: entries['client-id'],
    serverName: entries['server-name'],
    keepAliveMs: entries['keep-alive'],
    plaintext: entries.plaintext,
    bufferSizeBytes: entries['buffer-size'],
    bufferCount: entries['buffer-count'],
  })),
);

const udp: GenericSchema<unknown, UdpConfig> = v.pipe(
  v.strictObject({
    bind: v.optional(v.string(), '127.0.0.1'),
    port: v.optional(whole(0, PORT_MAX), 1337),
    ...bufferEntries(1472),
  }),
  v.transform((entries) => ({
    bind: entries.bind,
    port: entries.port,
    bufferSizeBytes: entries['buffer-size'],
    bufferCount: entries['buffer-count'],
  })),
);

const slots: GenericSchema<unknown, SlotsConfig> = v.pipe(
  v.strictObject({
    strategy: v.optional(v.picklist(DEVICE_STRATEGIES), 'direct-xip'),
    primary: slot,
    secondary: slot,
    size: size({ min: 1, max: SLOT_SIZE_BYTES_MAX }),
    'sector-size': v.optional(
      size({ min: SECTOR_SIZE_BYTES_MIN, max: SECTOR_SIZE_BYTES_MAX }),
      '128KiB',
    ),
    'write-align': v.optional(v.picklist([1, 2, 4, 8, 16, 32]), 8),
  }),
  v.transform((entries) => ({
    strategy: entries.strategy,
    primary: entries.primary,
    secondary: entries.secondary,
    sizeBytes: entries.size,
    sectorSizeBytes: entries['sector-size'],
    writeAlignBytes: entries['write-align'],
  })),
);

const boot: GenericSchema<unknown, BootConfig> = v.pipe(
  v.strictObject({
    'state-file': v.optional(path, '/run/brickproof/boot.json'),
    'boot-id-file': v.optional(path, '/proc/sys/kernel/random/boot_id'),
    reboot: v.optional(words, ['systemctl', 'reboot']),
  }),
  v.transform((entries) => ({
    stateFile: entries['state-file'],
    bootIdFile: entries['boot-id-file'],
    reboot: entries.reboot,
  })),
);

const trial: GenericSchema<unknown, TrialConfig> = v.pipe(
  v.strictObject({
    settle: v.optional(time({ min: 0, max: TIME_MS_MAX }), '10s'),
    timeout: v.optional(time({ min: 1_000, max: TIME_MS_MAX }), '5min'),
    confirm: v.optional(v.picklist(['self-test', 'request']), 'self-test'),
  }),
  v.transform(({ settle, timeout, confirm }) => {
    return { settleMs: settle, timeoutMs: timeout, confirm };
  }),
);

const selfTest: GenericSchema<unknown, SelfTestConfig> = v.pipe(
  v.strictObject({
    command: words,
    timeout: v.optional(time({ min: 100, max: TIME_MS_MAX }), '1min'),
  }),
  v.transform(({ command, timeout }) => ({ command, timeoutMs: timeout })),
);

const trust: GenericSchema<unknown, DeviceConfig['trust']> = v.pipe(
  v.strictObject({
    keys: v.pipe(
      v.array(path),
      v.minLength(1, 'at least one key'),
      v.maxLength(KEYS_MAX, `at most ${KEYS_MAX} keys`),
    ),
    'security-counter': v.optional(v.picklist(['required', 'none']), 'required'),
  }),
  v.transform((entries) => {
    return { keyFiles: entries.keys, securityCounter: entries['security-counter'] };
  }),
);

/** What `device.yaml` may say, key by key. */
export const DEVICE_CONFIG_SCHEMA: GenericSchema<unknown, DeviceConfig> = v.pipe(
  v.strictObject({
    device: v.strictObject({ name, hardware: v.optional(name, 'linux') }),
    slots,
    trust,
    store: v.strictObject({ folder: path }),
    boot: v.optional(boot, {}),
    trial: v.optional(trial, {}),
    'self-test': absent(selfTest),
    links: v.strictObject({ serial: absent(serial), mqtt: absent(mqtt), udp: absent(udp) }),
  }),
  v.transform(({ 'self-test': test, ...rest }) => ({ ...rest, selfTest: test })),
);
