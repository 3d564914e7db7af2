import { existsSync, writeFileSync } from 'node:fs';
import { equalBytes } from '@brickproof/bootloader-sim';
import type { ImageUploadReport } from '@brickproof/harness';
import { ArmedKill } from './armed-kill.js';
import { BrokenPromise } from './broken-promise.js';
import { LifeOver } from './daemon-life.js';
import type { DaemonLife, Testimony } from './daemon-life.js';
import { drawKillPlan } from './kill-plan.js';
import type { Activity, ActivityMeasure, UpdateMeasure } from './kill-plan.js';
import { describePlan, phaseOf } from './kill-statistics.js';
import type { KillStatistics, UpdateEnd } from './kill-statistics.js';
import type { KilledDevice } from './killed-device.js';
import { versionIndex } from './ledger.js';
import type { Ledger } from './ledger.js';
import type { Update } from './update-plan.js';

/** An update that nothing disturbs any more must end within so many starts of the daemon. */
const STARTS_MAX = 4;
const HEAD_BYTES = 32;
const BEHIND_THE_MARK: readonly Activity[] = [
  'reset',
  'boot',
  'decision',
  'trial',
  'confirm',
  'idle',
];

/** What an update is run with. */
export interface UpdateRunOptions {
  readonly device: KilledDevice;
  readonly ledger: Ledger;
  readonly update: Update;
  readonly random: () => number;
  readonly statistics: KillStatistics;
  /** How often the daemon is to be killed; fewer, when the update ends before. */
  readonly killsMax: number;
  readonly measure: UpdateMeasure;
  /** Kills are drawn in these alone; in all when absent. */
  readonly activities?: readonly Activity[] | undefined;
  /** Told of each kill that happened. */
  readonly onKill: () => void;
}

type LifeEnd = UpdateEnd | 'rebooted' | 'killed';

/** Takes one update to its end, starting the daemon again whenever it was killed. */
export class UpdateRun {
  readonly #options: UpdateRunOptions;
  readonly #measured = new Map<Activity, ActivityMeasure>();
  #life: DaemonLife | undefined;
  #kill: ArmedKill | undefined;
  #killsLeft: number;
  #activity: Activity = 'idle';
  #enteredMs: number = performance.now();
  #enteredOperations = 0;
  #startsInPeace = 0;
  readonly #story: string[] = [];

  constructor(options: UpdateRunOptions) {
    this.#options = options;
    this.#killsLeft = options.killsMax;
  }

  /** What there was of each activity. */
  get measured(): UpdateMeasure {
    return this.#measured;
  }

  /** What happened so far, a line each. */
  get story(): readonly string[] {
    return this.#story;
  }

  /** The daemon that runs when the update has ended. */
  get life(): DaemonLife | undefined {
    return this.#life;
  }

  /** Goes on with a daemon that runs already, if there is one. Throws `BrokenPromise`. */
  async run(running: DaemonLife | undefined): Promise<UpdateEnd> {
    const { device, ledger, update } = this.#options;
    ledger.begin(update);
    // For a daemon that is made to write the header too early.
    writeFileSync(device.file('head'), update.image.subarray(0, HEAD_BYTES));
    let end: LifeEnd = 'rebooted';
    for (let life = running; end === 'rebooted' || end === 'killed'; life = undefined) {
      this.#drawKill(life !== undefined ? [] : device.isBooted ? ['start'] : ['boot', 'decision']);
      this.#life = life ?? this.#start();
      this.#kill?.attach(this.#life);
      end = await this.#live(this.#life);
    }
    this.#kill?.disarm();
    return end;
  }

  #start(): DaemonLife {
    const { device, ledger, statistics } = this.#options;
    if (this.#kill === undefined) this.#startsInPeace += 1;
    if (this.#startsInPeace > STARTS_MAX) {
      throw new BrokenPromise('update-does-not-end', `after ${STARTS_MAX} starts in peace`);
    }
    ledger.checkAtRest();
    ledger.noteStart();
    device.clearTrace();
    this.#kill?.prepare();
    this.#enter(device.isBooted ? 'start' : 'boot');
    statistics.add('starts');
    this.#tell(`start in boot ${device.boot}`);
    return device.launch();
  }

  #drawKill(first: readonly Activity[]): void {
    if (this.#kill !== undefined || this.#killsLeft <= 0) return;
    this.#killsLeft -= 1;
    const { device, measure, ledger, random, activities } = this.#options;
    const before: readonly Activity[] = ledger.isMarked ? [] : ['upload', 'mark'];
    const all: readonly Activity[] = [...first, ...before, ...BEHIND_THE_MARK];
    const ahead = all.filter((activity) => activity === 'idle' || measure.has(activity));
    this.#kill = new ArmedKill(drawKillPlan(measure, activities ?? ahead, random), device);
  }

  async #live(life: DaemonLife): Promise<LifeEnd> {
    try {
      const end = await this.#work(life);
      if (end !== 'rebooted') await this.#idle(life);
      return end;
    } catch (error) {
      if (!(error instanceof LifeOver)) {
        this.#tell(life.output);
        life.signal('SIGKILL');
        throw error;
      }
      await life.ended;
      return this.#killed(life);
    }
  }

  /** After a kill it goes on in the same boot, as a service manager would, or in the next one. */
  #killed(life: DaemonLife): LifeEnd {
    const { device, random, statistics } = this.#options;
    const plan = this.#kill?.plan;
    if (life.end !== 'SIGKILL' || plan === undefined) {
      this.#tell(life.output);
      const code = /Ready: /.test(life.output) ? 'ended-by-itself' : 'does-not-start';
      throw new BrokenPromise(code, `it ended with ${life.end ?? 'nothing'}`);
    }
    this.#kill?.disarm();
    this.#kill = undefined;
    const operation = plan.kind === 'place' ? device.operations().at(-1) : undefined;
    const phase = phaseOf({ activity: this.#activity, output: life.output, operation });
    statistics.addKill({
      kind: plan.kind === 'place' ? plan.place.moment : 'outside',
      phase,
      operation,
    });
    this.#options.onKill();
    this.#tell(`killed in ${phase}: ${describePlan(plan)}; ${operation ?? 'from outside'}`);
    const isNewBoot = random() < 0.5;
    const forgetful = random() < 0.5;
    if (isNewBoot) device.reboot({ forgetful });
    statistics.add(isNewBoot ? 'started again in the next boot' : 'started again in the same boot');
    return 'killed';
  }

  /** Goes on from where the device says it is. */
  async #work(life: DaemonLife): Promise<LifeEnd> {
    const { ledger, update } = this.#options;
    await life.says(/Ready: udp/);
    const told = await this.#hear(life);
    if (versionIndex(told.running) === update.index) return this.#seeTrial(life, told);
    if (ledger.isMarked && isAbout(told, update) && told.lastState === 'failed') return 'failed';
    if (!told.images.some(({ pending }) => pending)) {
      await this.#upload(life);
      if (!(await this.#mark(life))) return 'refused';
    }
    return this.#reset(life);
  }

  async #hear(life: DaemonLife): Promise<Testimony> {
    const told = await life.testimony();
    this.#tell(`${told.running.version} runs, the last update is ${told.lastState}`);
    this.#options.ledger.check(told);
    return told;
  }

  /** The new image runs: it is confirmed, or resets the device to go back. */
  async #seeTrial(life: DaemonLife, told: Testimony): Promise<LifeEnd> {
    if (told.running.confirmed) return 'confirmed';
    this.#enter('trial');
    const { device, update, ledger } = this.#options;
    if (device.leg.confirm === 'request') {
      if (update.kind === 'unwell') return this.#reset(life);
      this.#enter('confirm');
      await life.answered((await life.client()).imageConfirm());
    } else {
      await life.says(/image confirmed|Trial failed/);
      if (/Trial failed/.test(life.output)) return this.#awaitReboot(life);
    }
    ledger.noteConfirmed(update.index);
    this.#tell('confirmed');
    await this.#hear(life);
    return 'confirmed';
  }

  async #upload(life: DaemonLife): Promise<void> {
    this.#enter('upload');
    const { ledger, update, statistics } = this.#options;
    let isFirst = true;
    const client = await life.client();
    const report: ImageUploadReport = await life.answered(
      client.imageUpload(update.image, {
        onProgress: ({ sentBytes, resumedFrom }) => {
          if (isFirst) ledger.noteUploadFrom(resumedFrom);
          isFirst = false;
          ledger.noteUploaded(sentBytes);
        },
      }),
    );
    if (report.match !== true) throw new BrokenPromise('upload-mismatch', 'it does not match');
    if (report.resumedFrom > 0) statistics.add('uploads resumed');
    ledger.noteWhole();
    this.#tell(`uploaded from ${report.resumedFrom}`);
  }

  /** Whether the image was marked; one that is forged must be refused. */
  async #mark(life: DaemonLife): Promise<boolean> {
    this.#enter('mark');
    const { ledger, update } = this.#options;
    ledger.noteMarkAsked();
    const client = await life.client();
    const answer =
      update.kind === 'permanent'
        ? client.imageConfirm(update.hash)
        : client.imageTest(update.hash);
    if (update.kind === 'forged') {
      const refused = await answer;
      if (refused.ok) throw new BrokenPromise('bad-image-confirmed', 'it was marked');
      if (refused.code !== 'smp-device-refused') await life.answered(Promise.resolve(refused));
      return false;
    }
    await life.answered(answer);
    ledger.noteMarked();
    this.#tell(`marked, ${update.kind}`);
    return true;
  }

  async #reset(life: DaemonLife): Promise<LifeEnd> {
    this.#enter('reset');
    await life.answered((await life.client()).reset());
    return this.#awaitReboot(life);
  }

  /** The reboot command runs; then the service manager stops the daemon. */
  async #awaitReboot(life: DaemonLife): Promise<LifeEnd> {
    const { device } = this.#options;
    await life.until('the reboot command', () => existsSync(device.file('reboot-wanted')));
    life.signal('SIGTERM');
    await life.ended;
    if (life.end !== 0) throw new LifeOver('while it was stopped');
    this.#enter('idle');
    this.#kill?.outlived();
    device.reboot({ forgetful: true });
    return 'rebooted';
  }

  /** The update has ended; a daemon that does nothing may be killed too. */
  async #idle(life: DaemonLife): Promise<void> {
    this.#enter('idle');
    if (this.#kill?.plan.from === 'idle') await life.until('being killed', () => false);
  }

  /** Measures the activity that ends here, and begins the next. */
  #enter(activity: Activity): void {
    const { device } = this.#options;
    const operations = device.operations().length;
    const known = this.#measured.get(this.#activity);
    this.#measured.set(this.#activity, {
      operations: (known?.operations ?? 0) + Math.max(0, operations - this.#enteredOperations),
      durationMs: (known?.durationMs ?? 0) + performance.now() - this.#enteredMs,
    });
    this.#activity = activity;
    this.#enteredMs = performance.now();
    this.#enteredOperations = operations;
    this.#kill?.enter(activity);
  }

  #tell(line: string): void {
    this.#story.push(line);
  }
}

function isAbout(told: Testimony, { hash }: Update): boolean {
  return equalBytes(told.lastHash, hash);
}
