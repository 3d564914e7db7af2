import type { BootOutcome } from '@brickproof/bootloader-sim';
import type { ExploredDevice, RunningImage } from './explored-device.js';
import type { BrokenRule, Scene, Situation } from './scene.js';

/** What runs after a boot, as scenes see it; undefined where something runs that nobody knows. */
export function situationOf(
  device: ExploredDevice,
  booted: BootOutcome,
  running: readonly RunningImage[],
): Situation | undefined {
  const images = running.flatMap(({ image }) => image ?? []);
  if (images.length < running.length) return undefined;
  const all = [booted, ...booted.others];
  const confirmed = all.map((image, index) => device.isConfirmed(image, index));
  return { position: device.position, running: images, confirmed, slot: booted.slot };
}

/** What a boot breaks of the rules that hold in every scene, and of those of its own. */
export function judgeBoot(
  scene: Scene,
  counters: readonly number[],
  boot: { readonly running: readonly RunningImage[]; readonly situation: Situation | undefined },
): readonly BrokenRule[] {
  const { running, situation } = boot;
  const broken: BrokenRule[] = [];
  for (const [index, { slot, image, securityCounter, refused }] of running.entries()) {
    const where = `slot ${slot} of image ${index}`;
    if (image === undefined) {
      broken.push({ invariant: 'runs-verified-image', detail: `${where} was started: ${refused}` });
    } else if (image.role === 'refused') {
      broken.push({
        invariant: 'runs-verified-image',
        detail: `${image.name} in ${where} was started, which must never run`,
      });
    }
    const counter = counters[index] ?? 0;
    if (securityCounter !== undefined && securityCounter < counter) {
      broken.push({
        invariant: 'counter-never-lower',
        detail: `the image in ${where} has security counter ${securityCounter}, the device ${counter}`,
      });
    }
  }
  const own = situation && scene.judge(situation);
  return own === undefined ? broken : [...broken, own];
}
