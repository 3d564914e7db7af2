import { accept, reject, type Verdict } from '../verdict.js';
import { readUint16, readUint32, writeUint16, writeUint32 } from './little-endian.js';

/** A version as an image header carries it: u8, u8, u16, u32. */
export interface ImageVersion {
  readonly major: number;
  readonly minor: number;
  readonly revision: number;
  readonly buildNumber: number;
}

/** Why a text is not a version. */
export type VersionRejectCode = 'version-malformed';

/** What a version takes in a header or a dependency. */
export const IMAGE_VERSION_SIZE_BYTES = 8;

const UINT8_MAX = 0xff;
const UINT16_MAX = 0xffff;
const UINT32_MAX = 0xffff_ffff;

/** Four numbers of at most ten digits: longer texts are not looked at. */
const VERSION_TEXT_MAX = 24;
const NUMBER = '(0|[1-9][0-9]*)';
const VERSION_PATTERN = new RegExp(
  `^${NUMBER}(?:\\.${NUMBER}(?:\\.${NUMBER}(?:\\+${NUMBER})?)?)?$`,
);

/** Reads `1.2.3+4` as imgtool does: later parts may be missing and are then 0. */
export function parseImageVersion(text: string): Verdict<ImageVersion, VersionRejectCode> {
  const match = text.length <= VERSION_TEXT_MAX ? VERSION_PATTERN.exec(text) : null;
  if (match === null) {
    return reject('version-malformed', 'a version is written 1.2.3 or 1.2.3+4');
  }
  const [, major = '0', minor = '0', revision = '0', buildNumber = '0'] = match;
  const version: ImageVersion = {
    major: Number(major),
    minor: Number(minor),
    revision: Number(revision),
    buildNumber: Number(buildNumber),
  };
  if (!isEncodableVersion(version)) {
    return reject('version-malformed', 'a version is at most 255.255.65535+4294967295');
  }
  return accept(version);
}

/** Whether every part is a whole number that fits its field. */
export function isEncodableVersion(version: ImageVersion): boolean {
  return (
    isUnsigned(version.major, UINT8_MAX) &&
    isUnsigned(version.minor, UINT8_MAX) &&
    isUnsigned(version.revision, UINT16_MAX) &&
    isUnsigned(version.buildNumber, UINT32_MAX)
  );
}

/** imgtool's spelling: `1.2.3+4`. */
export function formatImageVersion(version: ImageVersion): string {
  const { major, minor, revision, buildNumber } = version;
  return `${major}.${minor}.${revision}+${buildNumber}`;
}

/** The spelling of Zephyr's image state: `1.2.3`, with `.4` only when there is a build number. */
export function formatSmpVersion(version: ImageVersion): string {
  const { major, minor, revision, buildNumber } = version;
  const release = `${major}.${minor}.${revision}`;
  return buildNumber === 0 ? release : `${release}.${buildNumber}`;
}

/**
 * Negative when `a` is lower than `b`, 0 when equal, positive when higher. The build number counts
 * only when asked for: MCUboot leaves it out unless MCUBOOT_VERSION_CMP_USE_BUILD_NUMBER is set.
 */
export function compareImageVersions(
  a: ImageVersion,
  b: ImageVersion,
  options: { readonly useBuildNumber: boolean } = { useBuildNumber: false },
): number {
  const release = a.major - b.major || a.minor - b.minor || a.revision - b.revision;
  return release !== 0 || !options.useBuildNumber ? release : a.buildNumber - b.buildNumber;
}

/** Reads the eight bytes of a version; they must lie inside. */
export function decodeImageVersion(bytes: Uint8Array, offset: number): ImageVersion {
  const release = readUint16(bytes, offset);
  return {
    major: release & UINT8_MAX,
    minor: release >> 8,
    revision: readUint16(bytes, offset + 2),
    buildNumber: readUint32(bytes, offset + 4),
  };
}

/** Writes the eight bytes of a version. Throws when a part does not fit. */
export function encodeImageVersion(version: ImageVersion, bytes: Uint8Array, offset: number): void {
  if (!isEncodableVersion(version)) {
    throw new RangeError(`version ${formatImageVersion(version)} does not fit an image header`);
  }
  writeUint16(bytes, offset, version.major | (version.minor << 8));
  writeUint16(bytes, offset + 2, version.revision);
  writeUint32(bytes, offset + 4, version.buildNumber);
}

function isUnsigned(value: number, max: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= max;
}
