import {
  DONE,
  compareImageVersions,
  readImageClaims,
  readImageSummary,
  reject,
  type DowngradePrevention,
  type ImageSource,
  type StrategyName,
  type Verdict,
} from '@brickproof/bootloader-sim';

/** What a candidate is measured by. */
export interface DowngradeRule {
  readonly strategy: StrategyName;
  readonly prevention: DowngradePrevention;
}

/**
 * Whether the bootloader would let a candidate follow the running image. Direct-xip asks for a
 * higher version, whatever it was built for; overwriting knows no counters. A running image that
 * cannot be read is followed by anything. Refuses `boot-version-not-higher`,
 * `image-security-counter-low`, and a candidate that cannot be read.
 */
export function checkDowngrade(
  rule: DowngradeRule,
  images: { readonly running: ImageSource; readonly candidate: ImageSource },
): Verdict<void> {
  const candidate = readImageSummary(images.candidate);
  if (!candidate.ok) return candidate;
  const isDirectXip = rule.strategy === 'direct-xip';
  if (rule.prevention === 'none' && !isDirectXip) return DONE;
  if (rule.prevention === 'security-counter' && isSwap(rule.strategy)) return checkCounters(images);
  const running = readImageSummary(images.running);
  if (!running.ok) return DONE;
  const order = compareImageVersions(candidate.value.header.version, running.value.header.version);
  if (isDirectXip ? order > 0 : order >= 0) return DONE;
  return reject(
    'boot-version-not-higher',
    `the running image has the same version or a higher one, and the bootloader would not leave it`,
  );
}

function isSwap(strategy: StrategyName): boolean {
  return strategy !== 'direct-xip' && strategy !== 'overwrite-only';
}

/** MCUboot loader.c, check_downgrade_prevention with MCUBOOT_DOWNGRADE_PREVENTION_SECURITY_COUNTER. */
function checkCounters(images: {
  readonly running: ImageSource;
  readonly candidate: ImageSource;
}): Verdict<void> {
  const running = counterOf(images.running);
  const candidate = counterOf(images.candidate);
  if (running === undefined || (candidate !== undefined && candidate >= running)) return DONE;
  return reject(
    'image-security-counter-low',
    `the running image has security counter ${running}, the other one ${candidate ?? 'none'}`,
  );
}

function counterOf(image: ImageSource): number | undefined {
  const claims = readImageClaims(image);
  return claims.ok ? claims.value.securityCounter : undefined;
}
