import type { BootControl } from '../boot-control/boot-control.js';
import { ImageUploads } from '../update/image-uploads.js';
import { ImageStaging } from '../update/staging.js';
import type { StagingPorts } from '../update/staging.js';
import { MGMT_ERROR, SMP_GROUP, encodeSmpError } from './error.js';
import type { SmpGroup, SmpOutcome } from './group.js';
import {
  SMP_BODY_BYTES_MAX,
  SMP_HEADER_SIZE_BYTES,
  decodeSmpHeader,
  responseOp,
} from './header.js';
import type { SmpHeader } from './header.js';
import { createImageGroup } from './image-group.js';
import { decodeSmpBody, encodeSmpMessage } from './message.js';
import { createOsGroup, withBuffers } from './os-group.js';
import { createUpdateGroup } from './update-group.js';
import type { AgentClock, SmpBuffers, SystemPort } from './os-group.js';

/** What a device's SMP server stands on; its buffers are told to clients by the os group. */
export interface SmpServerPorts extends SmpBuffers, Omit<StagingPorts, 'imageIndex'> {
  /** The slots of the image that runs. */
  readonly bootControl: BootControl;
  /** Those of images 1 and up, on a board with several. */
  readonly otherImages?: readonly BootControl[];
  readonly clock: AgentClock;
  readonly system: SystemPort;
}

/** A server with the os, the image and our own group, and whatever groups are added. */
export function createSmpServer(
  ports: SmpServerPorts,
  moreGroups: readonly SmpGroup[] = [],
): SmpServer {
  const { bootControl, otherImages = [], store } = ports;
  const images = [bootControl, ...otherImages];
  const uploads = new ImageUploads(
    images.map((image, imageIndex) => {
      return new ImageStaging({ ...ports, bootControl: image, imageIndex });
    }),
  );
  const { mode: bootMode, preventsDowngrade } = bootControl;
  const groups = [
    createOsGroup({ ...ports, bootMode, preventsDowngrade }),
    createImageGroup({ images, uploads, store }),
    createUpdateGroup(store),
    ...moreGroups,
  ];
  return new SmpServer({ groups, messageBytesMax: ports.bufferSizeBytes });
}

/** The two bits of the first byte that hold the version, and how they say version 2. */
const VERSION_BITS = 0b11000;
const VERSION_2 = 0b01000;

/** What a server is made of. */
export interface SmpServerOptions {
  readonly groups: readonly SmpGroup[];
  readonly messageBytesMax: number;
}

/** Answers requests, one at a time, as Zephyr's SMP server does. */
export class SmpServer {
  readonly messageBytesMax: number;
  readonly #groups: ReadonlyMap<number, SmpGroup>;

  constructor(options: SmpServerOptions) {
    const longest = SMP_HEADER_SIZE_BYTES + SMP_BODY_BYTES_MAX;
    this.messageBytesMax = Math.min(options.messageBytesMax, longest);
    this.#groups = new Map(options.groups.map((group) => [group.id, group]));
  }

  /** The same server, uploads and all, for a link with other buffers. */
  withBuffers(buffers: SmpBuffers): SmpServer {
    const groups = [...this.#groups.values()].map((group) => {
      return group.id === SMP_GROUP.os ? withBuffers(group, buffers) : group;
    });
    return new SmpServer({ groups, messageBytesMax: buffers.bufferSizeBytes });
  }

  /** The answer to a request; undefined for what is no request and gets none. */
  handle(request: Uint8Array): Uint8Array | undefined {
    if (request.byteLength > this.messageBytesMax) {
      return answerSmpFault(request, 'messageTooLong');
    }
    const bodyBytes = request.byteLength - SMP_HEADER_SIZE_BYTES;
    if (declaredLength(request) !== bodyBytes) return answerSmpFault(request, 'corrupt');
    const header = decodeSmpHeader(request);
    if (!header.ok) return answerSmpFault(request, 'versionTooNew');
    if (responseOp(header.value.op) === undefined) return undefined;
    const outcome = this.#perform(header.value, request.subarray(SMP_HEADER_SIZE_BYTES));
    const response = encodeOutcome(header.value, outcome);
    if (response === undefined || response.byteLength <= this.messageBytesMax) return response;
    return answerSmpFault(request, 'messageTooLong');
  }

  #perform(header: SmpHeader, body: Uint8Array): SmpOutcome {
    const command = this.#groups.get(header.group)?.commands.get(header.command);
    const handler = header.op === 'read' ? command?.read : command?.write;
    if (handler === undefined) return fault('notSupported');
    const decoded = decodeSmpBody(body);
    return decoded.ok ? handler(decoded.value) : fault('invalid');
  }
}

/**
 * The answer to a request that cannot be taken at all, from whatever can be read of its header;
 * undefined when that is too little, or when it is no request.
 */
export function answerSmpFault(
  request: Uint8Array,
  name: keyof typeof MGMT_ERROR,
): Uint8Array | undefined {
  if (request.byteLength < SMP_HEADER_SIZE_BYTES) return undefined;
  const head = request.slice(0, SMP_HEADER_SIZE_BYTES);
  const first = head[0] ?? 0;
  // A version from the future is answered in the newest one there is.
  if ((first & VERSION_BITS) > VERSION_2) head[0] = (first & ~VERSION_BITS) | VERSION_2;
  const header = decodeSmpHeader(head);
  return header.ok ? encodeOutcome(header.value, fault(name)) : undefined;
}

function encodeOutcome(request: SmpHeader, outcome: SmpOutcome): Uint8Array | undefined {
  const op = responseOp(request.op);
  if (op === undefined) return undefined;
  const { version, group, command, sequence } = request;
  const body = outcome.ok ? outcome.body : encodeSmpError(outcome.error, version);
  return encodeSmpMessage({ version, op, group, command, sequence, body });
}

function declaredLength(request: Uint8Array): number {
  return ((request[2] ?? 0) << 8) | (request[3] ?? 0);
}

function fault(name: keyof typeof MGMT_ERROR): SmpOutcome {
  return { ok: false, error: { kind: 'mgmt', rc: MGMT_ERROR[name] } };
}
