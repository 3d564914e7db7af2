import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createSocket } from 'node:dgram';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { DISK_STORE_FORMAT_VERSION } from '@brickproof/agent/node';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { DeviceFolder, must, sampleImage } from './device-folder.js';
import type { AgentRun } from './device-folder.js';

const devices: DeviceFolder[] = [];

const template = new DeviceFolder();

/** A device that has run once, so that it has a store and a note of its boot. */
function provisioned(): DeviceFolder {
  const device = template.copy();
  devices.push(device);
  return device;
}

beforeAll(async () => {
  await template.provision();
  await (await template.start()).kill('SIGTERM');
});

afterAll(() => template.dispose());

afterEach(async () => {
  for (const device of devices.splice(0)) await device.dispose();
});

/** One line on standard error, nothing on standard output, and not a stack. */
function expectOneLine(run: AgentRun, status: number, sentence: RegExp): void {
  expect(run.stderr).toMatch(sentence);
  expect(run.stderr.trimEnd().split('\n')).toHaveLength(1);
  expect(run.stderr).toMatch(/; .*\(\S+, exit status \d+\)$/m);
  expect(run.status).toBe(status);
}

function edit(device: DeviceFolder, from: string, to: string): void {
  const file = device.file('device.yaml');
  const text = readFileSync(file, 'utf8');
  expect(text).toContain(from);
  writeFileSync(file, text.replace(from, to));
}

function flipBit(file: string, offset: number): void {
  const bytes = readFileSync(file);
  bytes[offset] = (bytes[offset] ?? 0) ^ 0x10;
  writeFileSync(file, bytes);
}

interface Fault {
  readonly what: string;
  readonly make: (device: DeviceFolder) => void;
  readonly status: number;
  readonly sentence: RegExp;
}

/** What a power cut leaves of a file that was being written. */
function emptyFiles(): readonly Fault[] {
  return [
    ['ca', 'ca: empty.pem', 'CA'],
    ['certificate', 'certificate: empty.pem, key: key.pem', 'certificate'],
    ['key', 'certificate: key.pem, key: empty.pem', 'key'],
  ].map(([key, entries, named]) => ({
    what: `an empty ${key} of a broker`,
    make: (device) => {
      writeFileSync(device.file('empty.pem'), '');
      edit(device, 'udp: { port: 0 }', `mqtt: { url: "mqtts://localhost:1", ${entries} }`);
    },
    status: 10,
    sentence: new RegExp(`links\\.mqtt: the ${named} is not PEM; .*mqtt-credentials-malformed`),
  }));
}

const FAULTS: readonly Fault[] = [
  {
    what: 'a wrong key in the configuration',
    make: (device) => {
      edit(device, 'sector-size', 'sectorsize');
    },
    status: 10,
    sentence: /device\.yaml:6:3: "slots\.sectorsize" is not a known key; did you mean sector-size/,
  },
  {
    what: 'a configuration that is not there',
    make: (device) => {
      rmSync(device.file('device.yaml'));
    },
    status: 10,
    sentence: /cannot read .*device\.yaml: there is no such file or folder; .*--config/,
  },
  {
    what: 'a key that is not there',
    make: (device) => {
      rmSync(device.file('key.pem'));
    },
    status: 11,
    sentence: /cannot read the key .*key\.pem: there is no such file.*trust\.keys/,
  },
  {
    what: 'a key that is none',
    make: (device) => {
      writeFileSync(device.file('key.pem'), 'not a key');
    },
    status: 11,
    sentence: /key\.pem holds no usable public key/,
  },
  {
    what: 'a private key',
    make: (device) => {
      const secret = readFileSync(sampleImage('../keys/test-key-ed25519.pem'));
      writeFileSync(device.file('key.pem'), secret);
    },
    status: 11,
    sentence: /key\.pem holds a private key, which has no place on a device/,
  },
  {
    what: 'a slot that is missing',
    make: (device) => {
      rmSync(device.file('slot1.img'));
    },
    status: 12,
    sentence: /there is no .*slot1\.img.*provision/,
  },
  {
    what: 'a slot that is too small',
    make: (device) => {
      truncateSync(device.file('slot1.img'), 4096);
    },
    status: 12,
    sentence: /slot1\.img has 4096 bytes, the slot has 524288/,
  },
  {
    what: 'slots of one sector',
    make: (device) => {
      edit(device, 'size: 512KiB', 'size: 16KiB');
    },
    status: 12,
    sentence: /slot0: 16384 bytes; give at least 32768/,
  },
  {
    what: 'a slot that is a folder',
    make: (device) => {
      rmSync(device.file('slot1.img'));
      mkdirSync(device.file('slot1.img'));
    },
    status: 12,
    sentence: /slot1\.img is neither a regular file nor a block device/,
  },
  {
    what: 'two slots that are one file',
    make: (device) => {
      rmSync(device.file('slot1.img'));
      symlinkSync(device.file('slot0.img'), device.file('slot1.img'));
    },
    status: 12,
    sentence: /are one and the same/,
  },
  {
    what: 'a store with a flipped bit',
    make: (device) => {
      flipBit(device.file('store', 'store'), 40);
    },
    status: 13,
    sentence: /store.*(damaged|does not)/,
  },
  {
    what: 'a store that was cut off',
    make: (device) => {
      truncateSync(device.file('store', 'store'), 20);
    },
    status: 13,
    sentence: /disk-store-damaged/,
  },
  {
    what: 'a store folder that is not there',
    make: (device) => {
      rmSync(device.file('store'), { recursive: true });
    },
    status: 15,
    sentence: /store.*disk-store-unwritable/,
  },
  {
    what: 'a boot id that is not there',
    make: (device) => {
      rmSync(device.file('boot-id'));
    },
    status: 10,
    sentence: /cannot read .*boot-id: there is no such file.*boot-id-file/,
  },
  {
    what: 'slots without an image',
    make: (device) => {
      writeFileSync(device.file('slot0.img'), Buffer.alloc(512 * 1024, 0xff));
    },
    status: 16,
    sentence: /neither slot holds .*slot 0: image-bad-magic.*nothing was erased.*boot-no-image/,
  },
  {
    what: 'an image that has changed on the disk',
    make: (device) => {
      flipBit(device.file('slot0.img'), 5_000);
      device.reboot();
    },
    status: 16,
    sentence: /neither slot holds an image that may run \(slot 0: image-hash-mismatch/,
  },
  {
    what: 'a certificate that is not there',
    make: (device) => {
      edit(device, 'udp: { port: 0 }', 'mqtt: { url: "mqtts://localhost:1", ca: nowhere.pem }');
    },
    status: 10,
    sentence: /cannot read .*nowhere\.pem: there is no such file.*links\.mqtt/,
  },
  {
    what: 'a certificate that is none',
    make: (device) => {
      edit(device, 'udp: { port: 0 }', 'mqtt: { url: "mqtts://localhost:1", ca: boot-id }');
    },
    status: 10,
    sentence: /links\.mqtt: .*mqtt-credentials-malformed/,
  },
  ...emptyFiles(),
  {
    what: 'an unencrypted broker elsewhere',
    make: (device) => {
      edit(device, 'udp: { port: 0 }', 'mqtt: { url: "mqtt://192.0.2.1:1883" }');
    },
    status: 10,
    sentence: /mqtt-plaintext-refused/,
  },
];

describe('the daemon, given something bad,', () => {
  it.each(FAULTS)('refuses $what in one line, with a status of its own', async (fault) => {
    const device = provisioned();
    fault.make(device);
    const daemonRun = await device.run();
    // What the bootloader says on the way goes to standard output.
    expectOneLine(daemonRun, fault.status, fault.sentence);
  });

  it('never gives two causes of a different kind the same status', () => {
    const kinds = new Map([
      [10, 'config'],
      [11, 'keys'],
      [12, 'slots'],
      [13, 'damaged'],
      [15, 'store'],
      [16, 'empty'],
    ]);
    expect(new Set(FAULTS.map(({ status }) => status))).toEqual(new Set(kinds.keys()));
  });

  it('refuses a store from a newer agent', async () => {
    const device = provisioned();
    const file = device.file('store', 'store');
    const bytes = readFileSync(file);
    bytes[8] = DISK_STORE_FORMAT_VERSION + 1;
    const content = bytes.subarray(0, -32);
    bytes.set(createHash('sha256').update(content).digest(), content.byteLength);
    writeFileSync(file, bytes);
    expectOneLine(await device.run(), 14, /newer.*disk-store-newer-version/);
  });

  it('erases nothing because of a key or a rule that was configured wrongly', async () => {
    const device = provisioned();
    const before = readFileSync(device.file('slot0.img'));
    const rightKey = readFileSync(device.file('key.pem'));
    const { publicKey } = generateKeyPairSync('ed25519');
    writeFileSync(device.file('key.pem'), publicKey.export({ type: 'spki', format: 'pem' }));
    device.reboot();
    const run = await device.run();
    expectOneLine(run, 16, /slot 0: image-key-unknown.*nothing was erased/);
    expect(readFileSync(device.file('slot0.img')).equals(before)).toBe(true);
    const check = await device.run('check');
    expect(check).toMatchObject({ status: 16, stdout: '' });
    writeFileSync(device.file('key.pem'), rightKey);
    expect((await device.start()).output).toMatch(/Running image 1\.0\.0\+0 in slot 0/);
  });

  it('touches no slot when it could not note which one it chose', async () => {
    const device = provisioned();
    edit(device, 'state-file: run/boot.json', 'state-file: boot-id/boot.json');
    device.reboot();
    const before = readFileSync(device.file('slot0.img'));
    expectOneLine(await device.run(), 18, /cannot write .*boot-id.*correct state-file/);
    expect(readFileSync(device.file('slot0.img')).equals(before)).toBe(true);
  });

  it('leaves every slot as it was', async () => {
    const device = provisioned();
    const before = readFileSync(device.file('slot0.img'));
    edit(device, 'sector-size', 'sectorsize');
    await device.run();
    expect(readFileSync(device.file('slot0.img')).equals(before)).toBe(true);
  });
});

describe('the daemon, without a link that it waits for,', () => {
  it('holds while a UDP port is taken, and takes it when it is free', async () => {
    const taken = createSocket('udp4');
    taken.bind(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address();
    const device = provisioned();
    device.configure({ links: `udp: { port: ${port} }` });
    const daemon = await device.start();
    await daemon.says(/udp-port-in-use/);
    taken.close();
    await daemon.says(new RegExp(`UDP: listening at 127.0.0.1 ${port}`));
    must(await (await daemon.client()).echo('there'));
  });

  it('holds while a serial port is not there', async () => {
    const device = provisioned();
    device.configure({ links: `udp: { port: 0 }\n  serial: { path: nowhere }` });
    const daemon = await device.start();
    await daemon.says(/Serial: .*nowhere.*\(serial-/);
    must(await (await daemon.client()).echo('there'));
  });

  it('holds while no broker answers', async () => {
    const device = provisioned();
    device.configure({ links: `udp: { port: 0 }\n  mqtt: { url: "mqtt://127.0.0.1:1" }` });
    const daemon = await device.start();
    await daemon.says(/MQTT: .*\(mqtt-/);
    must(await (await daemon.client()).echo('there'));
  });
});

describe('provisioning', () => {
  let device: DeviceFolder;
  beforeAll(() => {
    device = new DeviceFolder();
  });
  afterAll(() => device.dispose());

  it.each([
    ['bad-signature-1.1.0.bin', /image-signature-invalid/],
    ['bad-truncated-1.1.0.bin', /image-/],
    ['bad-unknown-key-1.1.0.bin', /image-key-unknown/],
    ['good-1.1.0-encrypted-x25519-ours.bin', /image-encryption-key-missing/],
    ['good-1.0.0-encrypted-x25519-clear-ours.bin', /image-encryption-key-missing/],
  ])('refuses %s', async (name, sentence) => {
    const run = await device.run('provision', '--image', sampleImage(name));
    expect(run).toMatchObject({ status: 17 });
    expect(run.stderr).toMatch(sentence);
  });

  it('refuses a file that is not there, and one that is too large', async () => {
    const missing = await device.run('provision', '--image', device.file('nowhere.bin'));
    expect(missing).toMatchObject({ status: 2 });
    writeFileSync(device.file('large.bin'), Buffer.alloc(513 * 1024));
    const large = await device.run('provision', '--image', device.file('large.bin'));
    expect(large).toMatchObject({ status: 17 });
    expect(large.stderr).toMatch(/525312 bytes, the slot 524288/);
  });

  it('does not write over an image unless it is told to', async () => {
    const image = sampleImage('good-1.0.0-imgtool.bin');
    expect(await device.run('provision', '--image', image)).toMatchObject({ status: 0 });
    const again = await device.run('provision', '--image', image);
    expect(again).toMatchObject({ status: 17 });
    expect(again.stderr).toMatch(/--force/);
    const forced = await device.run('provision', '--image', image, '--force');
    expect(forced).toMatchObject({ status: 0 });
    const check = await device.run('check');
    expect(check).toMatchObject({ status: 0 });
    expect(check.stdout).toMatch(/slot 0: image 1\.0\.0\+0, may run\nslot 1: no image/);
  });
});

describe('check', () => {
  it('tells everything that is wrong, each in a line', async () => {
    const device = provisioned();
    edit(device, 'boot-id-file: boot-id', 'boot-id-file: nowhere');
    edit(device, '[touch,', '[touchh,');
    edit(device, 'trial:', 'self-test: { command: [/nowhere/self-test] }\ntrial:');
    edit(device, 'udp: { port: 0 }', 'mqtt: { url: "mqtts://localhost:1", ca: nowhere.pem }');
    const run = await device.run('check');
    expect(run).toMatchObject({ status: 10, stdout: '' });
    for (const sentence of [
      /nowhere\.pem.*correct links\.mqtt/,
      /nowhere: .*correct boot-id-file/,
      /no program touchh.*correct boot\.reboot/,
      /no program \/nowhere\/self-test.*correct self-test\.command/,
    ]) {
      expect(run.stderr).toMatch(sentence);
    }
    expect(run.stderr.trimEnd().split('\n')).toHaveLength(4);
  });

  it('can be asked while the agent runs, and does not disturb it', async () => {
    const device = provisioned();
    const daemon = await device.start();
    const run = await device.run('check');
    expect(run).toMatchObject({ status: 0, stderr: '' });
    expect(run.stdout).toMatch(/an agent that runs has it\nslot 0: image 1\.0\.0\+0, may run\n/);
    must(
      await (
        await daemon.client()
      ).imageUpload(readFileSync(sampleImage('good-1.1.0-imgtool.bin'))),
    );
  });
});

describe('the command line', () => {
  let device: DeviceFolder;
  beforeAll(() => {
    device = new DeviceFolder();
  });
  afterAll(() => device.dispose());

  it.each([
    [['--nonsense'], /see brickproof-agent --help/],
    [['fly'], /no verb "fly"; known are run, check, provision, slot/],
    [['check', 'twice'], /too much/],
    [['provision'], /provision needs --image/],
  ])('refuses %j', async (args, sentence) => {
    const run = await device.run(...args);
    expectOneLine(run, 2, sentence);
  });

  it('has help with an example and every exit status', async () => {
    const run = await device.run('--help');
    expect(run).toMatchObject({ status: 0, stderr: '' });
    expect(run.stdout).toMatch(/Example:\n {2}\$ brickproof-agent provision/);
    for (const status of [10, 11, 12, 13, 14, 15, 16, 17, 18, 19]) {
      expect(run.stdout).toMatch(new RegExp(`\\b${status} {2}`));
    }
  });
});

describe('systemd', () => {
  it('is told when the daemon is ready, that it lives, and that it stops', async () => {
    const device = provisioned();
    const notes = device.file('notes');
    const bin = device.file('bin');
    mkdirSync(bin);
    // Stands where systemd's own program would; that one is tried with the peers.
    writeFileSync(`${bin}/systemd-notify`, `#!/bin/sh\nprintf '%s\\n' "$*" >> '${notes}'\n`);
    chmodSync(`${bin}/systemd-notify`, 0o755);
    device.environment = {
      PATH: `${bin}:${process.env['PATH'] ?? ''}`,
      NOTIFY_SOCKET: '/run/nobody',
      WATCHDOG_USEC: '1000000',
    };
    const daemon = await device.start();
    const told = async (what: RegExp): Promise<void> => {
      await expect
        .poll(() => (existsSync(notes) ? readFileSync(notes, 'utf8') : ''), {
          timeout: 15_000,
        })
        .toMatch(what);
    };
    await told(/^READY=1 STATUS=udp 127\.0\.0\.1 \d+$/m);
    await told(/^WATCHDOG=1\n(.*\n)*WATCHDOG=1$/m);
    await daemon.kill('SIGTERM');
    await told(/^STOPPING=1$/m);
  });
});
