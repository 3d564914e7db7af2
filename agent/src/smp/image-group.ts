import { formatSmpVersion, hasImageFlag } from '@brickproof/bootloader-sim';
import type { RejectCode } from '@brickproof/bootloader-sim';
import type { BootControl, SlotState } from '../boot-control/boot-control.js';
import type { Store } from '../store/store.js';
import type { ImageUploads } from '../update/image-uploads.js';
import type { ImageStaging } from '../update/staging.js';
import { forgetUpdate, noteUpdate } from '../update/update-record.js';
import type { StagingRejectCode } from '../update/upload-packet.js';
import { BodyFields } from './body-fields.js';
import { SMP_GROUP } from './error.js';
import type { IMAGE_ERROR } from './error.js';
import { answer, imageError, mgmtError } from './group.js';
import type { SmpCommand, SmpGroup, SmpOutcome } from './group.js';
import type { SmpBody } from './message.js';

/** The commands of the image group, by number. */
export const IMAGE_COMMAND = { state: 0, upload: 1, erase: 5, slotInfo: 6 } as const;

/** The length of an image's hash. */
const HASH_BYTES = 32;

/** What the image group needs. */
export interface ImageGroupPorts {
  /** The images of the board in their order; the first one is the one that runs. */
  readonly images: readonly BootControl[];
  /** Their uploads. */
  readonly uploads: ImageUploads;
  /** Where an accepted update is noted before its slot is marked. */
  readonly store: Store;
}

/** One image of the board: its slots, and what is being uploaded to them. */
interface ManagedImage {
  readonly index: number;
  readonly bootControl: BootControl;
  readonly staging: ImageStaging;
}

type ImageErrorName = keyof typeof IMAGE_ERROR;

const STAGING_ERRORS: Readonly<Record<StagingRejectCode, ImageErrorName>> = {
  'upload-offset-missing': 'invalidOffset',
  'upload-header-truncated': 'invalidImageHeader',
  'upload-length-missing': 'invalidLength',
  'upload-length-zero': 'invalidLength',
  'upload-image-number': 'noFreeSlot',
  'upload-bad-magic': 'invalidImageMagic',
  'upload-header-invalid': 'invalidImageHeader',
  'upload-encrypted': 'confirmationDenied',
  'upload-sha-invalid': 'invalidHash',
  'upload-slot-in-use': 'noFreeSlot',
  'upload-too-large': 'tooLarge',
  'upload-overrun': 'dataOverrun',
  'upload-version-unknown': 'versionGetFailed',
  'upload-version-not-newer': 'currentVersionIsNewer',
  'upload-write-failed': 'flashWriteFailed',
  'upload-erase-failed': 'flashEraseFailed',
  'upload-store-failed': 'flashWriteFailed',
};

/** Slots are counted through where a request has no image number (SLOTS_PER_IMAGE). */
const SLOTS_PER_IMAGE = 2;

/**
 * Group 1 (Zephyr's "Application/software image management group"), with as many images as the
 * board has (CONFIG_MCUMGR_GRP_IMG_UPDATABLE_IMAGE_NUMBER).
 */
export function createImageGroup(ports: ImageGroupPorts): SmpGroup {
  return {
    id: SMP_GROUP.image,
    commands: new Map<number, SmpCommand>([
      [
        IMAGE_COMMAND.state,
        { read: () => answer(listImages(ports)), write: (body) => setState(ports, body) },
      ],
      [IMAGE_COMMAND.upload, { write: (body) => upload(ports.uploads, body) }],
      [IMAGE_COMMAND.erase, { write: (body) => erase(ports, body) }],
      [IMAGE_COMMAND.slotInfo, { read: () => answer(slotInfo(ports)) }],
    ]),
  };
}

function managedImages({ images, uploads }: ImageGroupPorts): readonly ManagedImage[] {
  return images.flatMap((bootControl, index) => {
    const staging = uploads.stagings[index];
    return staging === undefined ? [] : [{ index, bootControl, staging }];
  });
}

/** The slots that may hold an image; a slot that is being written holds none. */
function slotsOf({ bootControl, staging }: ManagedImage): readonly SlotState[] {
  const slots = Array.from({ length: bootControl.slotCount }, (_, slot) => slot);
  return slots.filter((slot) => !staging.isOpen(slot)).map((slot) => bootControl.state(slot));
}

function listImages(ports: ImageGroupPorts): SmpBody {
  const isOneOfSeveral = ports.images.length > 1;
  const images = managedImages(ports).flatMap((image) =>
    slotsOf(image).flatMap((state) =>
      describeSlot(image, state).map((slot) =>
        isOneOfSeveral ? { image: image.index, ...slot } : slot,
      ),
    ),
  );
  return { images, splitStatus: 0 };
}

function describeSlot({ bootControl }: ManagedImage, state: SlotState): readonly SmpBody[] {
  if (state.image === undefined) return [];
  const { header, hash } = state.image;
  // During a trial it is the other image that counts as confirmed: the next boot goes back to it.
  const isFallback = !state.active && isTrial(bootControl);
  return [
    {
      slot: state.slot,
      version: formatSmpVersion(header.version),
      hash,
      bootable: !hasImageFlag(header, 'nonBootable'),
      pending: state.pending,
      confirmed: state.confirmed || isFallback,
      active: state.active,
      permanent: state.permanent,
    },
  ];
}

/** Whether the running image has not been confirmed. */
function isTrial(bootControl: BootControl): boolean {
  return !bootControl.state(bootControl.activeSlot).confirmed;
}

function setState(ports: ImageGroupPorts, body: SmpBody): SmpOutcome {
  const fields = new BodyFields(body);
  const hash = fields.bytes('hash') ?? new Uint8Array(0);
  const confirm = fields.bool('confirm') ?? false;
  if (fields.isMalformed) return mgmtError('invalid');
  const images = managedImages(ports);
  if (hash.byteLength === 0) {
    // Without a hash the image that runs is meant, which is the first one.
    const [first] = images;
    if (!confirm || first === undefined) return imageError('invalidHash');
    return confirmRunning(ports, first);
  }
  if (hash.byteLength !== HASH_BYTES) return imageError('invalidHash');
  for (const image of images) {
    const found = slotsOf(image).filter((state) => hasHash(state, hash));
    const running = found.find((state) => state.slot === image.bootControl.activeSlot);
    if (running !== undefined) {
      return confirm ? confirmRunning(ports, image) : imageError('testOfActiveDenied');
    }
    const [other] = found;
    if (other !== undefined) return setOther(ports, { ...image, state: other, confirm });
  }
  return imageError('hashNotFound');
}

function hasHash({ image }: SlotState, hash: Uint8Array): boolean {
  return image !== undefined && image.hash.every((byte, index) => byte === hash[index]);
}

/**
 * Any image may be confirmed, though only the first one runs
 * (CONFIG_MCUMGR_GRP_IMG_ALLOW_CONFIRM_NON_ACTIVE_IMAGE_ANY): the trial of another one could not be
 * ended from outside otherwise.
 */
function confirmRunning(ports: ImageGroupPorts, image: ManagedImage): SmpOutcome {
  const { bootControl } = image;
  if (slotsOf(image).some((state) => state.pending)) return imageError('alreadyPending');
  if (isTrial(bootControl)) {
    const confirmed = bootControl.confirm();
    if (!confirmed.ok) return imageError(bootError(confirmed.code));
    // At once: whoever has this answer may ask what became of the update right away.
    const running = bootControl.state(bootControl.activeSlot).image;
    if (running !== undefined) noteUpdate(ports.store, { state: 'confirmed', hash: running.hash });
  }
  return answer(listImages(ports));
}

/** Sets the image that does not run to boot next: for a trial, or for good. */
function setOther(
  ports: ImageGroupPorts,
  request: Pick<ManagedImage, 'bootControl'> & {
    readonly state: SlotState;
    readonly confirm: boolean;
  },
): SmpOutcome {
  const { bootControl, state, confirm } = request;
  if (isTrial(bootControl)) {
    // The next boot goes back to it anyway; there is nothing to confirm, and no second trial.
    return confirm ? answer(listImages(ports)) : imageError('alreadyPending');
  }
  if (state.pending) {
    const isSame = state.permanent === confirm;
    return isSame ? answer(listImages(ports)) : imageError('alreadyPending');
  }
  // Noted first: whatever happens from here on, somebody can be told what became of it.
  const hash = state.image?.hash ?? new Uint8Array(0);
  if (!noteUpdate(ports.store, { state: 'marked', hash }).ok) return imageError('flashWriteFailed');
  const marked = bootControl.setPending(state.slot, { permanent: confirm });
  if (marked.ok) return answer(listImages(ports));
  forgetUpdate(ports.store);
  return imageError(bootError(marked.code));
}

function bootError(code: RejectCode): ImageErrorName {
  switch (code) {
    case 'flash-erase-failed':
      return 'flashEraseFailed';
    case 'flash-write-failed':
    case 'flash-word-programmed':
      return 'flashWriteFailed';
    case 'boot-version-not-higher':
    case 'image-security-counter-low':
      return 'currentVersionIsNewer';
    case 'image-bad-magic':
      return 'invalidImageMagic';
    case 'image-load-address':
      return 'invalidFlashAddress';
    default:
      return code.startsWith('image-') ? 'confirmationDenied' : 'unknown';
  }
}

function upload(uploads: ImageUploads, body: SmpBody): SmpOutcome {
  const fields = new BodyFields(body);
  const packet = {
    off: fields.uint32('off'),
    data: fields.bytes('data'),
    len: fields.uint32('len'),
    sha: fields.bytes('sha'),
    image: fields.uint32('image'),
    upgrade: fields.bool('upgrade'),
  };
  if (fields.isMalformed) return mgmtError('invalid');
  const taken = uploads.take(packet);
  if (!taken.ok) return imageError(STAGING_ERRORS[taken.code]);
  const { off, match } = taken.value;
  return answer(match === undefined ? { off } : { off, match });
}

/** Slots of all images are counted through: 2 and 3 are those of image 1. */
function erase(ports: ImageGroupPorts, body: SmpBody): SmpOutcome {
  const fields = new BodyFields(body);
  const slot = fields.uint32('slot') ?? ports.images[0]?.uploadSlot ?? 0;
  if (fields.isMalformed) return mgmtError('invalid');
  const image = managedImages(ports)[Math.floor(slot / SLOTS_PER_IMAGE)];
  if (image === undefined) return imageError('invalidSlot');
  const { bootControl, staging } = image;
  const { active, pending } = bootControl.state(slot % SLOTS_PER_IMAGE);
  if (active || pending || isTrial(bootControl)) return imageError('noFreeSlot');
  const erased = bootControl.erase(slot % SLOTS_PER_IMAGE);
  if (!erased.ok) return imageError(bootError(erased.code));
  const discarded = staging.discard();
  return discarded.ok ? answer({}) : imageError(STAGING_ERRORS[discarded.code]);
}

function slotInfo({ images }: ImageGroupPorts): SmpBody {
  return {
    images: images.map((bootControl, image) => ({
      image,
      slots: Array.from({ length: bootControl.slotCount }, (_, slot) => {
        const { sizeBytes: size } = bootControl.area(slot);
        const takesUpload = images.length > 1 && slot === bootControl.uploadSlot;
        return takesUpload ? { slot, size, upload_image_id: image } : { slot, size };
      }),
      max_image_size: bootControl.maxImageSizeBytes(bootControl.uploadSlot),
    })),
  };
}
