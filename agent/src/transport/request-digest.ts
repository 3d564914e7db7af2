import type { CryptoProvider } from '@brickproof/bootloader-sim';
import { SMP_GROUP } from '../smp/error.js';
import { decodeSmpHeader } from '../smp/header.js';
import type { SmpHeader } from '../smp/header.js';
import { decodeSmpMessage, encodeSmpMessage } from '../smp/message.js';
import { OS_COMMAND } from '../smp/os-group.js';

/** The beginning of a digest by which a session is known again after a reset. */
export const SESSION_DIGEST_BYTES = 8;

/** What makes requests known again: who sent them, and every byte. */
export class RequestDigests {
  readonly #crypto: CryptoProvider;

  constructor(crypto: CryptoProvider) {
    this.#crypto = crypto;
  }

  /** Of a request. Session names hold no control characters: the separator is no part of one. */
  request(session: string, payload: Uint8Array): Uint8Array {
    const hasher = this.#crypto.sha256();
    hasher.update(utf16Bytes(`${session}\0`));
    hasher.update(payload);
    return hasher.digest();
  }

  /** Of a session alone, short enough to be stored. */
  session(session: string): Uint8Array {
    const hasher = this.#crypto.sha256();
    hasher.update(utf16Bytes(session));
    return hasher.digest().subarray(0, SESSION_DIGEST_BYTES);
  }

  /** Of a session, followed by that of one of its requests: what is stored about a reset. */
  sessionAndRequest(session: string, request: Uint8Array): Uint8Array {
    const both = new Uint8Array(SESSION_DIGEST_BYTES + request.byteLength);
    both.set(this.session(session));
    both.set(request, SESSION_DIGEST_BYTES);
    return both;
  }
}

/** The header of a reset that the server will do; undefined for all else. */
export function resetRequest(payload: Uint8Array): SmpHeader | undefined {
  const header = decodeSmpHeader(payload);
  if (!header.ok || header.value.op !== 'write') return undefined;
  const { group, command } = header.value;
  const isReset = group === SMP_GROUP.os && command === OS_COMMAND.reset;
  return isReset && decodeSmpMessage(payload).ok ? header.value : undefined;
}

/** What is answered to a reset that has been done already. */
export function answerDoneReset(header: SmpHeader): Uint8Array {
  const { version, group, command, sequence } = header;
  return encodeSmpMessage({ version, op: 'write-response', group, command, sequence, body: {} });
}

/** A digest as text, to be a key. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Any fixed encoding will do: the bytes are only hashed. */
function utf16Bytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length * 2);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < text.length; i += 1) view.setUint16(i * 2, text.charCodeAt(i));
  return bytes;
}
