export { DONE, accept, reject } from './verdict.js';
export type {
  Accepted,
  BootRejectCode,
  FlashRejectCode,
  ImageRejectCode,
  KeyRejectCode,
  RejectCode,
  Rejected,
  Verdict,
} from './verdict.js';

export { equalBytes } from './crypto/bytes.js';
export type {
  AgreementCurve,
  AgreementKey,
  AgreementPoint,
  CryptoProvider,
  Hasher,
  SignatureAlgorithm,
  SignatureCheck,
  SignedMessage,
  SigningKey,
  VerificationKey,
} from './crypto/crypto-provider.js';

export {
  AGREEMENT_KEY_SIZE_BYTES,
  X25519_POINT_SIZE_BYTES,
  agreementPointOf,
  makeAgreementKey,
  parseDecryptionKey,
  parseEncryptionKey,
} from './crypto/agreement-key.js';
export { createContentCipher } from './crypto/content-cipher.js';
export type { ContentCipher } from './crypto/content-cipher.js';
export { hkdfSha256 } from './crypto/hkdf.js';
export type { HkdfInput } from './crypto/hkdf.js';
export { nobleCrypto } from './crypto/noble-provider.js';
export { createNobleSigningKey } from './crypto/noble-signing-key.js';
export type { RawPrivateKey } from './crypto/noble-signing-key.js';
export { createNodeCrypto } from './crypto/node-provider.js';
export type {
  NodeCipher,
  NodeCryptoModule,
  NodeHash,
  NodeVerify,
  PrivateJsonWebKey,
  PublicJsonWebKey,
} from './crypto/node-provider.js';
export {
  P256_POINT_SIZE_BYTES,
  ED25519_POINT_SIZE_BYTES,
  parsePublicKey,
  publicKeyFromPoint,
  publicKeyHash,
} from './crypto/public-key.js';
export { signedMessageFromBytes } from './crypto/signed-message.js';

export { appendBehaviourCard, readBehaviourCard } from './image/behaviour-card.js';
export type { BehaviourCard } from './image/behaviour-card.js';
export { buildImage } from './image/build.js';
export type {
  ImageBuildEncryption,
  ImageBuildOptions,
  ImageBuildRejectCode,
} from './image/build.js';
export { decryptedSource } from './image/decrypted-source.js';
export { readImageEncryption } from './image/encryption.js';
export type { ImageEncryption } from './image/encryption.js';
export { readImageClaims, readImageExtent } from './image/claims.js';
export type { ImageClaims, ImageExtent } from './image/claims.js';
export { decodeDependency } from './image/dependency.js';
export type { ImageDependency } from './image/dependency.js';
export {
  IMAGE_FLAG,
  IMAGE_HEADER_SIZE_BYTES,
  IMAGE_MAGIC,
  contentKeySizeBytes,
  decodeImageHeader,
  encodeImageHeader,
  hasImageFlag,
  hashedSizeBytes,
  parseImageHeader,
  tlvOffset,
} from './image/header.js';
export type { HeaderRules, ImageHeader } from './image/header.js';
export { imageSourceFromBytes, offsetImageSource } from './image/image-source.js';
export type { ImageSource } from './image/image-source.js';
export { IMAGE_SIGNATURES_MAX } from './image/signature.js';
export type { BuildSlot } from './image/slot-padding.js';
export { readImageSummary } from './image/summary.js';
export type { ImageSummary } from './image/summary.js';
export type { TlvContents } from './image/tlv-encode.js';
export { IMAGE_TLV_COUNT_MAX, TLV, parseImageTlvs, readTlvValue } from './image/tlv.js';
export type { ImageTlv, ImageTlvs } from './image/tlv.js';
export { verifyImage } from './image/verify.js';
export type { ImageEncryptionPolicy, ImagePolicy, VerifiedImage } from './image/verify.js';
export {
  compareImageVersions,
  formatImageVersion,
  formatSmpVersion,
  parseImageVersion,
} from './image/version.js';
export type { ImageVersion, VersionRejectCode } from './image/version.js';
export { unwrapContentKey, wrapContentKey, wrappedKeySizeBytes } from './image/wrapped-key.js';
export type { ContentKeySizeBytes } from './image/wrapped-key.js';

export type { FlashArea, FlashSector } from './flash/flash-area.js';
export { areaFrom } from './flash/area-view.js';
export { FLASH_SECTORS_MAX, FLASH_SIZE_BYTES_MAX, createFlashGeometry } from './flash/geometry.js';
export type {
  ErasedValue,
  FlashGeometry,
  FlashGeometryOptions,
  SectorContents,
  SectorRun,
  WriteAlignBytes,
} from './flash/geometry.js';
export { PowerCut, effectsOf } from './flash/fault.js';
export type {
  EraseEffect,
  FlashEffect,
  FlashInterruption,
  FlashNoise,
  FlashOperation,
  FlashWatcher,
  OneBitShort,
  UnstableWords,
  WordPrefix,
  WriteEffect,
} from './flash/fault.js';
export { FLASH_FAULTS_MAX, FlashFaults } from './flash/flash-faults.js';
export type { FaultStrike, FlashFaultsOptions } from './flash/flash-faults.js';
export type {
  FaultMoment,
  FlashFault,
  FlashRange,
  FlippedBitFault,
  InterruptingFault,
  WornOutFault,
} from './flash/flash-fault.js';
export { NorFlash } from './flash/nor-flash.js';
export type { FlashStatistics, SectorCopy } from './flash/nor-flash.js';
export { flickeringNoise, seededRandom, seededStreams } from './flash/seeded-random.js';
export type { RandomSource, RandomStreams } from './flash/seeded-random.js';
export { snapshotFromBytes } from './flash/flash-dump.js';
export { equalSectors, equalSnapshots } from './flash/snapshot.js';
export type { FlashSnapshot } from './flash/snapshot.js';
export { FLASH_AREAS_MAX, createFlashMap } from './flash/flash-map.js';
export type { FlashAreaOptions, FlashMap } from './flash/flash-map.js';
export { withLogicalSectors } from './flash/logical-sectors.js';
export { OTP_COUNTERS_MAX, OtpCounters } from './flash/otp-counters.js';
export type { SecurityCounters } from './flash/otp-counters.js';

export { checkBootLayout, largestImage, uploadOffset } from './boot/boot-layout.js';
export type { BootCapacity } from './boot/boot-layout.js';
export { describeFlash } from './boot/describe-flash.js';
export type { DescribedSlot, FlashDescription, ImageDescription } from './boot/describe-flash.js';
export type { SwapHeaderPlace, SwapProgress } from './boot/describe-swap.js';
export type {
  ContentKeyState,
  StatusEntryCount,
  TrailerDescription,
} from './boot/describe-trailer.js';
export { decideSwapType } from './boot/swap-type.js';
export type { TrailerPair } from './boot/swap-type.js';
export {
  scratchTrailerSizeBytes,
  trailerFirstSectorOffset,
  trailerFormat,
  trailerSizeBytes,
} from './boot/swap-trailer.js';
export type { TrailerFormat, UnprotectedTlvSizes } from './boot/swap-trailer.js';
export { STRATEGY_NAMES, boot } from './boot/bootloader.js';
export {
  TRAILER_MAGIC_SIZE_BYTES,
  confirmRunning,
  markForDirectXip,
  markForUpgrade,
  maxImageSizeBytes,
  readTrailer,
  trailerLayout,
  trailerMagic,
  trailerSectorOffset,
} from './boot/trailer.js';
export type {
  SwapType,
  Trailer,
  TrailerFlag,
  TrailerLayout,
  TrailerMagic,
} from './boot/trailer.js';
export { BOOT_IMAGES_MAX } from './boot/upgrade-strategy.js';
export type {
  BootEnvironment,
  BootLayout,
  BootSettings,
  BootLogLevel,
  BootOutcome,
  BootedImage,
  DowngradePrevention,
  SlotPair,
  StrategyName,
  UpgradeStrategy,
} from './boot/upgrade-strategy.js';
