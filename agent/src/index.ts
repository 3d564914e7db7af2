export type { BootControl, BootMode, SlotImage, SlotState } from './boot-control/boot-control.js';

export { STORE_VALUE_BYTES_MAX } from './store/store.js';
export type { Store, StoreRejectCode } from './store/store.js';
export { STORE_KEY_MAX } from './store/log-record.js';
export { STORE_SECTORS_MAX, openLogStore } from './store/log-store.js';

export {
  SMP_BODY_BYTES_MAX,
  SMP_HEADER_SIZE_BYTES,
  decodeSmpHeader,
  encodeSmpHeader,
  responseOp,
} from './smp/header.js';
export type { SmpHeader, SmpOp, SmpVersion } from './smp/header.js';
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
