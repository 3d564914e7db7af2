export { closestWord } from './config/closest-word.js';
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
export { formatDuration, parseDuration } from './config/duration.js';
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

export {
  SERIAL_PRESENCE_INTERVAL_MS,
  SERIAL_STOP_FLUSH_MS,
  SerialLine,
} from './transport/serial-line.js';
export type {
  SerialLineCode,
  SerialLineListener,
  SerialLineOptions,
  SerialLineState,
} from './transport/serial-line.js';
export {
  SERIAL_LOCK_FOLDER_DEFAULT,
  findSerialLockOwner,
  takeSerialLock,
} from './transport/serial-lock.js';
export type { SerialLock, SerialLockPlace, SerialLockRejectCode } from './transport/serial-lock.js';
export { SERIAL_SETTINGS_DEFAULT } from './transport/serial-settings.js';
export type { SerialSettings, SerialSettingsRejectCode } from './transport/serial-settings.js';
export {
  RETRY_DELAY_MS_MAX,
  RETRY_DELAY_MS_MIN,
  RETRY_STABLE_MS,
} from './transport/retry-delay.js';
export { PROCESS_CLOCK } from './transport/transport-clock.js';
export type { CancelDelay, TransportClock } from './transport/transport-clock.js';
export { WRITE_QUEUE_BYTES_MAX } from './transport/write-queue.js';
export {
  UDP_ADDRESS_DEFAULT,
  UDP_SENDS_MAX,
  UDP_STOP_FLUSH_MS,
  UdpServer,
} from './transport/udp-server.js';
export type {
  UdpPlace,
  UdpServerCode,
  UdpServerListener,
  UdpServerOptions,
  UdpServerState,
} from './transport/udp-server.js';

export {
  MQTTS_PORT_DEFAULT,
  MQTT_PORT_DEFAULT,
  describeMqttBroker,
  isLoopback,
} from './transport/mqtt-broker.js';
export type {
  MqttBroker,
  MqttBrokerOptions,
  MqttBrokerRejectCode,
  MqttTlsOptions,
} from './transport/mqtt-broker.js';
export type { MqttProblem, MqttProblemCode } from './transport/mqtt-problem.js';
export {
  CONTESTED_CONNECTIONS,
  MQTT_ANSWER_TIMEOUT_MS,
  MQTT_INCOMING_BYTES_MAX,
  MQTT_KEEP_ALIVE_SECONDS,
  MQTT_STOP_TIMEOUT_MS,
  MqttSession,
} from './transport/mqtt-session.js';
export type {
  MqttSessionOptions,
  MqttSessionState,
  MqttSessionUser,
} from './transport/mqtt-session.js';
export { OUTGOING_BYTES_MAX, OUTGOING_MESSAGES_MAX } from './transport/outgoing-messages.js';
export type { OutgoingLimits } from './transport/outgoing-messages.js';
export { PacketGatherer } from './transport/packet-gatherer.js';
export type { PacketRejectCode } from './transport/packet-gatherer.js';
export {
  CONNECTION_LASTED_MS,
  RECONNECT_DELAY_MS_MAX,
  RECONNECT_DELAY_MS_MIN,
  ReconnectDelay,
} from './transport/reconnect-delay.js';
export type { ReconnectLimits } from './transport/reconnect-delay.js';
export { DEVICE_CONFIG_SCHEMA, DEVICE_STRATEGIES } from './config/device-config.js';
export type { DeviceConfig } from './config/device-config.js';
export { TRIAL_STARTS_MAX } from './daemon/trial-starts.js';
export { loadDeviceConfig } from './config/load-config.js';
export type { ConfigRejectCode } from './config/load-config.js';
