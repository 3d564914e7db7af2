import { IMAGE_COMMAND, MGMT_ERROR, OS_COMMAND, SMP_GROUP } from '@brickproof/agent';
import type { SmpBody, SmpVersion } from '@brickproof/agent';
import { accept, DONE } from '@brickproof/bootloader-sim';
import type { ImageSource } from '@brickproof/bootloader-sim';
import type { SmpConnection } from '../target/smp-connection.js';
import { readFlag, readInteger, readText, readUint } from './body-fields.js';
import { refuseDeviceError } from './device-error.js';
import { readImageEntries, readSlotEntries } from './image-entries.js';
import type { ImageEntry, SlotEntry } from './image-entries.js';
import { uploadImage } from './image-upload.js';
import type { ImageUploadOptions, ImageUploadReport } from './image-upload.js';
import { bootloaderModeName } from './os-answers.js';
import type { BootloaderInfo, ResetOptions, SmpParams } from './os-answers.js';
import { LAST_UPDATE, readLastUpdate } from './last-update.js';
import type { LastUpdate } from './last-update.js';
import { RequestChannel, SLOW_FLASH_WAIT_MS } from './request-channel.js';
import type {
  PendingResponse,
  RequestChannelOptions,
  RequestStatistics,
  SmpRequest,
} from './request-channel.js';
import { fail } from './smp-result.js';
import type { SmpFailure, SmpResult } from './smp-result.js';

/** How the client behaves. */
export interface SmpClientOptions extends RequestChannelOptions {
  /** The version of the requests; 2 unless the device turns out not to speak it. */
  readonly version?: SmpVersion;
  /** Told what the device prints beside its answers. */
  readonly onConsole?: (text: Uint8Array) => void;
  /** Told when the way to the device is gone for a while, and when it is back. */
  readonly onInterruption?: (what: 'interrupted' | 'resumed') => void;
}

/**
 * The client's side of SMP: the commands of the os and the image group as methods. Each answers
 * what the device said, or a refusal: `smp-device-refused` with the device's own numbers,
 * `smp-timeout`, `smp-response-malformed`, or the code the connection ended with.
 */
export class SmpClient {
  readonly #connection: SmpConnection;
  readonly #channel: RequestChannel;
  #version: SmpVersion;

  constructor(connection: SmpConnection, options: SmpClientOptions = {}) {
    this.#connection = connection;
    this.#channel = new RequestChannel(connection, options);
    this.#version = options.version ?? 2;
    connection.listen({
      message: (message) => {
        this.#channel.receive(message);
      },
      console: (text) => options.onConsole?.(text),
      interrupted: () => options.onInterruption?.('interrupted'),
      resumed: () => {
        this.#channel.resume();
        options.onInterruption?.('resumed');
      },
      closed: (reason) => {
        this.#channel.end(reason);
      },
    });
  }

  /** The version the requests have now. */
  get version(): SmpVersion {
    return this.#version;
  }

  get statistics(): RequestStatistics {
    return this.#channel.statistics;
  }

  /** Ends the connection; what is under way is refused with `closed-by-us`. */
  close(): Promise<void> {
    return this.#connection.close();
  }

  /** Sends a text and answers what came back. */
  async echo(text: string): Promise<SmpResult<string>> {
    const body = await this.request({
      ...ECHO,
      body: { d: text },
      answerBytes: Buffer.byteLength(text) + ECHO_ANSWER_BYTES,
    });
    return mapField(body, 'r', (answer) => readText(answer, 'r'));
  }

  /**
   * Resets the device; it answers first. Asked once only: a second reset would cut short the
   * trial boot that the first one started.
   */
  async reset(options: ResetOptions = {}): Promise<SmpResult<void>> {
    const body = options.force === true ? { force: true } : {};
    const answer = await this.request({ ...RESET, body, retries: 0, isOnce: true });
    return answer.ok ? DONE : answer;
  }

  /** How large and how many the device's buffers are. */
  async params(): Promise<SmpResult<SmpParams>> {
    const body = await this.request(PARAMS);
    return mapField(body, 'buf_size and buf_count', (answer) => {
      const bufSizeBytes = readUint(answer, 'buf_size');
      const bufCount = readUint(answer, 'buf_count');
      if (bufSizeBytes === undefined || bufCount === undefined) return undefined;
      return { bufSizeBytes, bufCount };
    });
  }

  /** What runs on the device, in the words of `uname`; `format` as in Zephyr, `a` for all. */
  async info(format = 'a'): Promise<SmpResult<string>> {
    const body = await this.request({ ...INFO, body: { format } });
    return mapField(body, 'output', (answer) => readText(answer, 'output'));
  }

  /** Which bootloader the device has, and how it upgrades. */
  async bootloaderInfo(): Promise<SmpResult<BootloaderInfo>> {
    const name = mapField(await this.request(BOOTLOADER), 'bootloader', (answer) =>
      readText(answer, 'bootloader'),
    );
    if (!name.ok) return name;
    const answer = await this.request({ ...BOOTLOADER, body: { query: 'mode' } });
    // A bootloader that has no modes has no answer to that query; its name is answer enough.
    if (!answer.ok && answer.code !== 'smp-device-refused') return answer;
    const mode = answer.ok ? readInteger(answer.value, 'mode') : undefined;
    return accept({
      bootloader: name.value,
      mode,
      modeName: mode === undefined ? undefined : bootloaderModeName(mode),
      noDowngrade: answer.ok && readFlag(answer.value, 'no-downgrade'),
    });
  }

  /** What became of the last update; only devices with our agent know. */
  async lastUpdate(): Promise<SmpResult<LastUpdate>> {
    return mapField(await this.request(LAST_UPDATE), 'state', readLastUpdate);
  }

  /** The device's clock, as `yyyy-MM-dd'T'HH:mm:ss.SSSSSS`. */
  async datetime(): Promise<SmpResult<string>> {
    const body = await this.request(DATETIME);
    return mapField(body, 'datetime', (answer) => readText(answer, 'datetime'));
  }

  /** Sets the device's clock. */
  async setDatetime(datetime: string): Promise<SmpResult<void>> {
    const answer = await this.request({ ...DATETIME, op: 'write', body: { datetime } });
    return answer.ok ? DONE : answer;
  }

  /** The images on the device. */
  async imageState(): Promise<SmpResult<readonly ImageEntry[]>> {
    return mapField(await this.request(IMAGE_STATE), 'images', readImageEntries);
  }

  /** Marks the image with this hash to boot next, on trial. */
  imageTest(hash: Uint8Array): Promise<SmpResult<readonly ImageEntry[]>> {
    return this.#setImageState({ hash, confirm: false });
  }

  /** Confirms the image with this hash for good; without a hash, the one that runs. */
  imageConfirm(hash?: Uint8Array): Promise<SmpResult<readonly ImageEntry[]>> {
    return this.#setImageState(hash === undefined ? { confirm: true } : { hash, confirm: true });
  }

  /** Erases a slot; without a number, the one that does not run. */
  async imageErase(slot?: number): Promise<SmpResult<void>> {
    const body = slot === undefined ? {} : { slot };
    const answer = await this.request({ ...IMAGE_ERASE, body, waitMs: SLOW_FLASH_WAIT_MS });
    return answer.ok ? DONE : answer;
  }

  /** The slots of the device and their sizes. */
  async slotInfo(): Promise<SmpResult<readonly SlotEntry[]>> {
    return mapField(await this.request(SLOT_INFO), 'images', readSlotEntries);
  }

  /**
   * Uploads an image, from where the device already has it. After a connection that was lost, the
   * same call over a new connection goes on where the old one stopped.
   */
  imageUpload(
    image: Uint8Array | ImageSource,
    options: ImageUploadOptions = {},
  ): Promise<SmpResult<ImageUploadReport>> {
    const transport = {
      messageBytesMax: this.#connection.messageBytesMax,
      bufferOverheadBytes: this.#connection.bufferOverheadBytes,
      params: () => this.params(),
      start: (request: SmpRequest) => this.#start(request),
    };
    return uploadImage(transport, image, options);
  }

  /** One request of any group; the answer's body, with errors taken out. */
  async request(request: SmpRequest): Promise<SmpResult<SmpBody>> {
    return this.#start(request).response;
  }

  /** As `request`, but can be given up. */
  #start(request: SmpRequest): PendingResponse {
    const pending = this.#channel.start(request, this.#version);
    let cancel = pending.cancel;
    const response = pending.response.then((first) => {
      const answer = refuseDeviceError(first);
      if (answer.ok || !this.#fallsBack(answer)) return answer;
      const again = this.#channel.start(request, this.#version);
      cancel = again.cancel;
      return again.response.then(refuseDeviceError);
    });
    return {
      response,
      cancel: () => {
        cancel();
      },
    };
  }

  /** Whether the device only knows version 1: from now on it is spoken to in that. */
  #fallsBack(failure: SmpFailure): boolean {
    const { deviceError } = failure;
    const tooNew = deviceError?.kind === 'mgmt' && deviceError.rc === MGMT_ERROR.versionTooNew;
    if (!tooNew || this.#version === 1) return false;
    this.#version = 1;
    return true;
  }

  async #setImageState(body: SmpBody): Promise<SmpResult<readonly ImageEntry[]>> {
    const answer = await this.request({ ...IMAGE_STATE, op: 'write', body });
    return mapField(answer, 'images', readImageEntries);
  }
}

/** What an echo's answer has beside its text. */
const ECHO_ANSWER_BYTES = 32;

const OS = SMP_GROUP.os;
const IMAGE = SMP_GROUP.image;
const ECHO = { op: 'write', group: OS, command: OS_COMMAND.echo } as const;
const RESET = { op: 'write', group: OS, command: OS_COMMAND.reset } as const;
const PARAMS = { op: 'read', group: OS, command: OS_COMMAND.params, body: {} } as const;
const INFO = { op: 'read', group: OS, command: OS_COMMAND.info } as const;
const DATETIME = { op: 'read', group: OS, command: OS_COMMAND.datetime, body: {} } as const;
const BOOTLOADER = { op: 'read', group: OS, command: OS_COMMAND.bootloaderInfo, body: {} } as const;
const IMAGE_STATE = { op: 'read', group: IMAGE, command: IMAGE_COMMAND.state, body: {} } as const;
const IMAGE_ERASE = { op: 'write', group: IMAGE, command: IMAGE_COMMAND.erase } as const;
const SLOT_INFO = { op: 'read', group: IMAGE, command: IMAGE_COMMAND.slotInfo, body: {} } as const;

/** What a field of an answer says; an answer without it is malformed. */
function mapField<T>(
  answer: SmpResult<SmpBody>,
  field: string,
  read: (body: SmpBody) => T | undefined,
): SmpResult<T> {
  if (!answer.ok) return answer;
  const value = read(answer.value);
  return value === undefined
    ? fail('smp-response-malformed', `the answer has no usable ${field}`)
    : accept(value);
}
