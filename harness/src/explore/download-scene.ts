import { oldImage, newImage, type SceneRecipe } from './scene-kit.js';
import { SceneFirmware } from './scene-firmware.js';
import type { KnownImage, SceneDevice, Session, SessionDevice, SessionEnd } from './scene.js';
import { playUpdate } from './update-scenes.js';
import { UPDATE, isUpdateSettled } from './update-sessions.js';

/** What the client sends at once. */
const PACKET_BYTES = 512;
/** So often the client sends the whole image in one session, before it gives up. */
const UPLOADS_MAX = 2;
/** Packets of one upload beyond those that the image has: for what is sent again. */
const PACKETS_BEYOND = 8;
/** The slot that uploads go to, for a device that runs from the other one. */
const UPLOAD_SLOT = 1;

/** An upgrade from its first byte on, brought by a client that does not give up. */
export const DOWNLOAD: SceneRecipe = {
  summary: 'a client sends a new image packet by packet, and asks for it until it is tried',
  prepare: (kit) => {
    const [old, next] = [oldImage(kit), newImage(kit, 1)];
    kit.board.provision(old);
    const play = playUpdate(kit, { images: [old, next], permanent: false });
    const sends: Session = {
      name: 'takes the upload',
      run: (device) => takeUpload(kit.device, device, next),
    };
    return {
      ...play,
      sessions: (situation) => {
        const isOld = situation.running.every(({ role }) => role === 'old');
        return isOld && situation.position <= UPDATE.asked ? [sends] : play.sessions(situation);
      },
      // The client goes on until the new image had its chance, so nothing rests before that.
      isSettled: (situation) => situation.position >= UPDATE.tried && isUpdateSettled(situation),
    };
  },
};

function takeUpload(scene: SceneDevice, device: SessionDevice, image: KnownImage): SessionEnd {
  const firmware = new SceneFirmware(device, scene);
  firmware.runTrial();
  for (let upload = 0; upload < UPLOADS_MAX; upload += 1) {
    if (!sendImage(firmware, device, image)) return 'stays-up';
    // From here on the device may have taken the mark, whether its answer comes or not.
    device.position = UPDATE.asked;
    if (firmware.setImageState({ hash: image.hash, confirm: false })) return 'reset';
    device.log('the client was refused, erases the slot and sends again');
    if (!firmware.eraseSlot(UPLOAD_SLOT)) return 'stays-up';
  }
  return 'stays-up';
}

/** Sends an image from where the device says; false when it does not get to the end. */
function sendImage(firmware: SceneFirmware, device: SessionDevice, image: KnownImage): boolean {
  const { bytes } = image;
  const packetsMax = Math.ceil(bytes.byteLength / PACKET_BYTES) + PACKETS_BEYOND;
  const sha = digestOf(device, bytes);
  let off = 0;
  for (let packet = 0; packet < packetsMax; packet += 1) {
    const data = bytes.subarray(off, off + PACKET_BYTES);
    const named = off === 0 ? { len: bytes.byteLength, sha } : {};
    const next = firmware.upload({ off, data, ...named });
    if (next === undefined) {
      device.log(`the packet for ${off} was refused`);
      return false;
    }
    off = next;
    if (off === bytes.byteLength) return true;
  }
  return false;
}

function digestOf({ crypto }: SessionDevice, bytes: Uint8Array): Uint8Array {
  const hasher = crypto.sha256();
  hasher.update(bytes);
  return hasher.digest();
}
