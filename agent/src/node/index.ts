export {
  YAML_CHARACTERS_MAX,
  YAML_PROBLEMS_MAX,
  formatProblem,
  readYamlDocument,
} from './config/yaml-document.js';
export type {
  CheckedDocument,
  DocumentPath,
  DocumentPlace,
  DocumentProblem,
  FaultyDocument,
} from './config/yaml-document.js';
export { parseDuration } from './config/duration.js';
export { formatSize, parseSize } from './config/size.js';
export { createHostCrypto } from './crypto/host-crypto.js';
export {
  PEM_LENGTH_MAX,
  loadVerificationKey,
  verificationKeyOf,
} from './crypto/verification-key.js';
export {
  SLOT_SECTOR_SIZE_BYTES_DEFAULT,
  SLOT_SECTORS_MIN,
  SLOT_SIZE_BYTES_MAX,
  SlotReadFailure,
  openFileFlashArea,
} from './storage/file-flash-area.js';
export type { FileFlashArea, SlotFileOptions, SyncedArea } from './storage/file-flash-area.js';
export type { SlotFileRejectCode } from './storage/open-slot-file.js';
export { openSlotFiles } from './storage/slot-files.js';
export type { SlotFiles } from './storage/slot-files.js';
export {
  DISK_STORE_FORMAT_VERSION,
  DISK_STORE_SIZE_BYTES_MAX,
} from './storage/disk-store-format.js';
export { DISK_STORE_FILE_NAME, openDiskStore } from './storage/disk-store.js';
export type { DiskStore, DiskStoreOptions, DiskStoreRejectCode } from './storage/disk-store.js';
export type {
  FileFaultCode,
  FileKind,
  FileOpening,
  FileStatus,
  FileSystemPort,
  FileVerdict,
  OpenFile,
} from './storage/file-system-port.js';
export type { ProcessTable } from './storage/folder-lock.js';
export { nodeFileSystem } from './storage/node-file-system.js';
