export type { BootControl, BootMode, SlotImage, SlotState } from './boot-control/boot-control.js';

export { STORE_VALUE_BYTES_MAX } from './store/store.js';
export type { Store, StoreRejectCode } from './store/store.js';
export { StoreCounters } from './store/store-counters.js';
export {
  STORE_KEY_MAX,
  decodeRecord,
  decodeSectorHeader,
  encodeRecord,
  encodeSectorHeader,
  sectorHeaderSizeBytes,
} from './store/log-record.js';
export type { LogRecord, PlacedRecord, RecordFormat } from './store/log-record.js';
export { STORE_KEY } from './store/store-keys.js';
export { STORE_SECTORS_MAX, openLogStore } from './store/log-store.js';

export {
  SMP_BODY_BYTES_MAX,
  SMP_HEADER_SIZE_BYTES,
  decodeSmpHeader,
  encodeSmpHeader,
  responseOp,
} from './smp/header.js';
export type { SmpHeader, SmpOp, SmpVersion } from './smp/header.js';
export { CBOR_DEPTH_MAX, CBOR_ITEMS_MAX, CBOR_KEY_BYTES_MAX } from './smp/cbor-bounds.js';
export { decodeSmpBody, decodeSmpMessage, encodeSmpMessage } from './smp/message.js';
export type { SmpBody, SmpMessage, SmpMessageFields, SmpValue } from './smp/message.js';
export type { SmpRejectCode } from './smp/smp-reject-code.js';
export {
  SERIAL_LINE_BYTES_MAX,
  SERIAL_MESSAGE_BYTES_MAX,
  SerialDeframer,
  encodeSerialFrames,
} from './smp/serial-framing.js';
export type { SerialDropCode, SerialEvent } from './smp/serial-framing.js';

export { Agent } from './agent.js';
export type { AgentDevice } from './agent.js';
export { FlashBootControl } from './boot-control/flash-boot-control.js';
export type { FlashBootControlOptions } from './boot-control/flash-boot-control.js';
export { TRIAL_LIMITS_DEFAULT, Trial } from './update/trial.js';
export type { SelfTestResult, TrialLimits, TrialPorts, TrialState } from './update/trial.js';
export { verifyStaged } from './update/verify-staged.js';
export type { StagedImage, StagedImagePolicy } from './update/verify-staged.js';

export {
  IMAGE_ERROR,
  MGMT_ERROR,
  OS_ERROR,
  SMP_GROUP,
  decodeSmpError,
  describeSmpError,
  encodeSmpError,
} from './smp/error.js';
export type { SmpError } from './smp/error.js';
export { answer, imageError, mgmtError, osError } from './smp/group.js';
export type { SmpCommand, SmpGroup, SmpHandler, SmpOutcome } from './smp/group.js';
export { BodyFields } from './smp/body-fields.js';
export { IMAGE_COMMAND, createImageGroup } from './smp/image-group.js';
export type { ImageGroupPorts } from './smp/image-group.js';
export { OS_COMMAND, createOsGroup } from './smp/os-group.js';
export type {
  AgentClock,
  OsGroupPorts,
  SmpBuffers,
  ResetRequest,
  SystemInfo,
  SystemPort,
} from './smp/os-group.js';
export { UPDATE_COMMAND } from './smp/update-group.js';
export { readUpdateRecord } from './update/update-record.js';
export type { UpdateRecord, UpdateState } from './update/update-record.js';
export { SmpServer, answerSmpFault, createSmpServer } from './smp/server.js';
export type { SmpServerOptions, SmpServerPorts } from './smp/server.js';
export { ImageStaging } from './update/staging.js';
export { ImageUploads } from './update/image-uploads.js';
export { UPLOAD_SHA_BYTES_MAX } from './update/upload-packet.js';
export type { StagingRejectCode, UploadPacket } from './update/upload-packet.js';
export type { StagingPorts, UploadAnswer } from './update/staging.js';

export { SerialLink } from './transport/serial-link.js';
export type {
  RequestHandler,
  SerialLinkOptions,
  SerialLinkOutput,
} from './transport/serial-link.js';
export {
  DATAGRAM_REPEAT_WINDOW_MS,
  DATAGRAM_RESET_WINDOW_MS,
  DatagramLink,
  SMP_UDP_PORT,
} from './transport/datagram-link.js';
export type { DatagramLinkOptions } from './transport/datagram-link.js';
export { MqttLink } from './transport/mqtt-link.js';
export type {
  MqttLinkOptions,
  MqttPort,
  MqttPublication,
  MqttPublishOptions,
} from './transport/mqtt-link.js';
export {
  MQTT_STATUS_BYTES_MAX,
  decodeMqttStatus,
  encodeMqttStatus,
} from './transport/mqtt-status.js';
export type { MqttStatus, MqttStatusRejectCode } from './transport/mqtt-status.js';
export { MQTT_NAME_LENGTH_MAX, createMqttTopics, isMqttName } from './transport/mqtt-topics.js';
export type { MqttAddress, MqttNameRejectCode, MqttTopics } from './transport/mqtt-topics.js';
export {
  REMEMBERED_BYTES_MAX,
  REMEMBERED_REQUESTS_MAX,
  REMEMBERED_SESSIONS_MAX,
  REMEMBERED_WRITES_MAX,
} from './transport/reply-memory.js';
