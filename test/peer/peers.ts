import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Programs of others that the tests run against. */
export type PeerName =
  | 'imgtool'
  | 'smpclient'
  | 'mosquitto'
  | 'qemu-aarch64-static'
  | 'node-arm64'
  | 'qemu-system-arm'
  | 'microbit-firmware'
  | 'chromium'
  | 'systemd-analyze'
  | 'systemd-notify'
  | 'python3'
  | 'python-cryptography';

/** A peer that a test needs. */
export interface Peer {
  /** Whether a test that needs it is to be skipped. */
  readonly isSkipped: boolean;
  /** To stand behind the test's title: empty, or what is missing. */
  readonly titleSuffix: string;
  /** The program to run, or the file to use; where it is missing and required this throws, which fails the test. */
  command(): string;
}

/** Set to `required` where every peer must be there: a missing one then fails its tests. */
const PEERS_VARIABLE = 'BRICKPROOF_PEERS';
const OWN_FOLDER = fileURLToPath(new URL('../../.brickproof/peers/bin', import.meta.url));
/** Node.js for arm64 is in no PATH of this machine; its libraries are beside it. */
const ARM64_FOLDER = fileURLToPath(new URL('../../.brickproof/peers/arm64', import.meta.url));
/** MCUboot and an SMP server for QEMU's micro:bit, out of the sources of smpclient. */
const MICROBIT_FOLDER = fileURLToPath(new URL('../../.brickproof/peers/microbit', import.meta.url));
/** Debian keeps mosquitto where only root's PATH looks. */
const SYSTEM_FOLDERS: readonly string[] = ['/usr/local/sbin', '/usr/sbin'];
const PROBE_TIMEOUT_MS = 20_000;

/** Looks for a peer in the checkout's own peers folder, then on PATH. */
export function findPeer(name: PeerName): Peer {
  const found = findCommand(name);
  if (found !== undefined) return { isSkipped: false, titleSuffix: '', command: () => found };
  const isRequired = process.env[PEERS_VARIABLE] === 'required';
  return {
    isSkipped: !isRequired,
    titleSuffix: ` (${MISSING[name]})`,
    command: () => {
      throw new Error(MISSING[name]);
    },
  };
}

const MISSING: Readonly<Record<PeerName, string>> = {
  imgtool: 'imgtool is missing: install the Python package imgtool',
  smpclient: 'smpclient is missing: install the Python package smpclient[serial]',
  mosquitto: 'mosquitto is missing: install the Debian package mosquitto',
  'qemu-aarch64-static': 'qemu is missing: install the Debian package qemu-user-static',
  'node-arm64': 'Node.js for arm64 is missing: .ci/run gets it',
  'qemu-system-arm': 'QEMU is missing: install the Debian package qemu-system-arm',
  'microbit-firmware': 'firmware for the micro:bit is missing: .ci/run gets it',
  chromium: 'chromium is missing: install the Debian package chromium',
  'systemd-analyze': 'systemd-analyze is missing: install the Debian package systemd',
  'systemd-notify': 'systemd-notify is missing: install the Debian package systemd',
  python3: 'python3 is missing: install the Debian package python3',
  'python-cryptography': 'cryptography is missing: install the Python package cryptography',
};

const PYTHON_MODULES: ReadonlyMap<PeerName, string> = new Map<PeerName, string>([
  ['smpclient', 'smpclient.transport.serial'],
  ['python-cryptography', 'cryptography.hazmat.primitives.kdf.hkdf'],
]);

/** The folder of the arm64 libraries, for emulators that look for them there. */
export const ARM64_SYSROOT: string = join(ARM64_FOLDER, 'sysroot');

function findCommand(name: PeerName): string | undefined {
  if (name === 'node-arm64') return [join(ARM64_FOLDER, 'node')].find(isExecutable);
  if (name === 'microbit-firmware') {
    return [join(MICROBIT_FOLDER, 'merged.hex')].find((file) => existsSync(file));
  }
  const module = PYTHON_MODULES.get(name);
  if (module === undefined) return executables(name)[0];
  // A library: what is looked for is a Python that has it.
  return executables('python3').find((python) => {
    const probe = ['-c', `import ${module}`];
    return spawnSync(python, probe, { timeout: PROBE_TIMEOUT_MS, stdio: 'ignore' }).status === 0;
  });
}

function executables(file: string): readonly string[] {
  const onPath = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return [OWN_FOLDER, ...onPath, ...SYSTEM_FOLDERS]
    .map((folder) => join(folder, file))
    .filter(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
