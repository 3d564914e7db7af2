import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { encodeSerialFrames, encodeSmpMessage } from '@brickproof/agent';
import { TRIAL_STARTS_MAX } from '@brickproof/agent/node';
import { openPty, startEmbeddedBroker } from '@brickproof/harness';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { DeviceFolder, must, sampleImage } from './device-folder.js';
import type { DeviceFolderOptions, RunningDaemon } from './device-folder.js';
import { lastUpdate, resetInto, runningImage, upload } from './device-update.js';

const NEXT = sampleImage('good-1.1.0-imgtool.bin');
const PATIENCE = { timeout: 15_000, interval: 20 };
const devices: DeviceFolder[] = [];

afterEach(async () => {
  for (const device of devices.splice(0)) await device.dispose();
});

function newDevice(options: DeviceFolderOptions = {}): DeviceFolder {
  const device = new DeviceFolder(options);
  devices.push(device);
  return device;
}

describe('the daemon', () => {
  it('is updated, boots the new image on trial, and confirms it', async () => {
    const device = await newDevice().provision();
    const first = await device.start();
    expect(await runningImage(first)).toMatchObject({ slot: 0, version: '1.0.0', confirmed: true });
    await upload(await first.client(), NEXT);
    const second = await resetInto(device, first);
    await second.says(/image confirmed/);
    expect(await runningImage(second)).toMatchObject({
      slot: 1,
      version: '1.1.0',
      confirmed: true,
    });
    expect(await lastUpdate(second)).toBe('confirmed');
  });

  it('keeps its promise of a reboot when it is killed before the reboot', async () => {
    const device = await newDevice().provision();
    const first = await device.start();
    must(await (await first.client()).reset());
    await first.kill('SIGKILL');
    expect(existsSync(device.file('reboot-wanted'))).toBe(false);
    const again = await device.start();
    await again.says(/Rebooting: touch/);
    await again.kill('SIGKILL');
    // The promise was for that boot; the next one is not ended by it.
    device.reboot();
    const next = await device.start();
    await sleep(1_000);
    expect(next.output).not.toMatch(/Rebooting/);
  });

  it('does not confirm an image whose trial failed before it was started again', async () => {
    const device = newDevice({
      more: `self-test: { command: [sh, -c, 'test -e "$0" || { touch "$0"; exit 1; }', PLACE] }`,
    });
    const text = readFileSync(device.file('device.yaml'), 'utf8');
    writeFileSync(device.file('device.yaml'), text.replace('PLACE', device.file('tried')));
    await device.provision();
    const first = await device.start();
    await upload(await first.client(), NEXT);
    const trial = await resetInto(device, first);
    await trial.says(/Trial failed: the self-test failed/);
    await trial.kill('SIGKILL');
    const again = await device.start();
    await again.says(/Trial failed/);
    await again.says(/Rebooting/);
    expect(again.output).not.toMatch(/image confirmed/);
  });

  it('gives up a trial whose agent is started again and again', async () => {
    const device = await newDevice({ trial: '{ settle: 4s, timeout: 1h }' }).provision();
    const first = await device.start();
    await upload(await first.client(), NEXT);
    let trial = await resetInto(device, first);
    for (let start = 2; start <= TRIAL_STARTS_MAX; start += 1) {
      await trial.kill('SIGKILL');
      trial = await device.start();
      expect(trial.output).not.toMatch(/Trial over/);
    }
    await trial.kill('SIGKILL');
    const last = await device.start();
    await last.says(/Trial over: start 6 of this boot/);
    await last.says(/Rebooting/);
    expect(last.output).not.toMatch(/image confirmed/);
  });

  it('does a reset that it had remembered, and not done when it was killed', async () => {
    const device = await newDevice().provision();
    const first = await device.start();
    const ask = createSocket('udp4');
    ask.bind(0, '127.0.0.1');
    await once(ask, 'listening');
    try {
      const message = { version: 2, op: 'write', group: 0, command: 5, sequence: 9 } as const;
      const reset = encodeSmpMessage({ ...message, body: {} });
      const answered = async (daemon: RunningDaemon): Promise<void> => {
        const answer = once(ask, 'message');
        ask.send(reset, Number(/UDP: listening at \S+ (\d+)/.exec(daemon.output)?.[1]));
        await answer;
      };
      await answered(first);
      await first.kill('SIGKILL');
      // As if it had been killed between remembering the reset and promising it.
      const record = readFileSync(device.file('run', 'boot.json'), 'utf8');
      const unpromised = record.replace('"isRebootAsked":true', '"isRebootAsked":false');
      expect(unpromised).not.toBe(record);
      writeFileSync(device.file('run', 'boot.json'), unpromised);
      const again = await device.start();
      expect(again.output).not.toMatch(/Rebooting/);
      await answered(again);
      await again.says(/Rebooting/);
    } finally {
      ask.close();
    }
  });

  it('tells a shell where the running image lies, once a slot was chosen', async () => {
    const device = await newDevice().provision();
    expect(await device.run('slot')).toMatchObject({ status: 19, stdout: '' });
    await device.start();
    const { stdout } = await device.run('slot');
    expect(stdout.split('\n')).toEqual([
      'BRICKPROOF_SLOT=0',
      `BRICKPROOF_SLOT_PATH=${device.file('slot0.img')}`,
      'BRICKPROOF_VERSION=1.0.0+0',
      'BRICKPROOF_PAYLOAD_OFFSET=512',
      expect.stringMatching(/^BRICKPROOF_PAYLOAD_SIZE=\d{5,}$/),
      '',
    ]);
    device.reboot();
    expect((await device.run('slot')).stderr).toMatch(/no slot has been chosen in this boot/);
  });

  it('goes back when its self-test fails, and tells so', async () => {
    const more = `self-test: { command: [sh, -c, 'echo $BRICKPROOF_VERSION; exit 3'] }`;
    const device = await newDevice({ more }).provision();
    const first = await device.start();
    await upload(await first.client(), NEXT);
    const trial = await resetInto(device, first);
    await trial.says(/self-test: 1\.1\.0/);
    await trial.says(/Self-test failed: exit status 3/);
    await trial.says(/Rebooting: touch/);
    await trial.kill('SIGTERM');
    device.reboot();
    const after = await device.start();
    expect(await runningImage(after)).toMatchObject({ slot: 0, version: '1.0.0', confirmed: true });
    expect(await lastUpdate(after)).toBe('failed');
  });

  it.each(['[sleep, "60"]', '[/nowhere/self-test]'])(
    'fails a trial whose self-test, %s, does not end or cannot start',
    async (command) => {
      const more = `self-test: { command: ${command}, timeout: 200ms }`;
      const device = await newDevice({ more }).provision();
      const first = await device.start();
      await upload(await first.client(), NEXT);
      const trial = await resetInto(device, first);
      await trial.says(/Trial failed: the self-test failed/);
    },
  );

  it('chooses a slot once in a boot, however often it is started', async () => {
    const device = await newDevice({ trial: '{ settle: 1h, timeout: 2h }' }).provision();
    const first = await device.start();
    await upload(await first.client(), NEXT);
    const trial = await resetInto(device, first);
    await trial.kill('SIGKILL');
    const again = await device.start();
    expect(again.output).not.toMatch(/Starting Direct-XIP/);
    expect(await runningImage(again)).toMatchObject({ version: '1.1.0', confirmed: false });
    // Another boot, and the trial that was not confirmed is over.
    await again.kill('SIGKILL');
    device.reboot();
    const later = await device.start();
    expect(later.output).toMatch(/Erasing faulty image in the secondary slot/);
    expect(await runningImage(later)).toMatchObject({ version: '1.0.0', confirmed: true });
    expect(await lastUpdate(later)).toBe('failed');
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'resumes an upload that %s cut short',
    async (signal) => {
      const device = await newDevice().provision();
      const first = await device.start();
      const image = readFileSync(NEXT);
      const cut = new AbortController();
      const client = await first.client();
      const aborted = await client.imageUpload(image, {
        signal: cut.signal,
        onProgress: ({ sentBytes }) => {
          if (sentBytes > image.byteLength / 2) cut.abort();
        },
      });
      expect(aborted).toMatchObject({ ok: false, code: 'upload-aborted' });
      expect(await first.kill(signal)).toBe(signal === 'SIGTERM' ? 0 : null);
      const second = await device.start();
      const report = must(await (await second.client()).imageUpload(image));
      expect(report).toMatchObject({ bytes: image.byteLength, match: true });
      // It goes on from the last sector that was noted: 16 KiB.
      expect(report.resumedFrom).toBeGreaterThan(image.byteLength / 2 - 32 * 1024);
    },
  );

  it('stops at any moment of its start and of an upload, and then goes on', async () => {
    const device = await newDevice().provision();
    const image = readFileSync(NEXT);
    for (let round = 0; round < 8; round += 1) {
      const daemon = device.launch();
      // Early rounds end it before it has said anything, later ones in the middle of an upload.
      if (round >= 4) {
        await daemon.says(/^Ready: /m);
        const cut = new AbortController();
        const upload = (await daemon.client()).imageUpload(image, { signal: cut.signal });
        await sleep((round - 4) * 8);
        expect(await daemon.kill('SIGTERM')).toBe(0);
        cut.abort();
        expect(await upload).toMatchObject({ ok: false });
      } else {
        await sleep(round * 80);
        // Before it listens to signals there is nothing to be ended, and the signal ends it.
        expect([0, null]).toContain(await daemon.kill('SIGTERM'));
      }
    }
    const last = await device.start();
    expect(await runningImage(last)).toMatchObject({ version: '1.0.0' });
    expect(must(await (await last.client()).imageUpload(image))).toMatchObject({ match: true });
  });

  it('stops cleanly in the middle of a self-test', async () => {
    const more = 'self-test: { command: [sleep, "60"] }';
    const device = await newDevice({ more }).provision();
    const first = await device.start();
    await upload(await first.client(), NEXT);
    const trial = await resetInto(device, first);
    await trial.says(/Self-test: sleep 60/);
    expect(await trial.kill('SIGTERM')).toBe(0);
    expect(trial.output).toMatch(/Stopped\n$/);
  });

  it('does not mark an image that it would not boot', async () => {
    const device = await newDevice().provision();
    const daemon = await device.start();
    const client = await daemon.client();
    must(await client.imageUpload(readFileSync(sampleImage('bad-signature-1.1.0.bin'))));
    const staged = must(await client.imageState()).find(({ active }) => !active);
    const refused = await client.imageTest(staged?.hash ?? new Uint8Array(0));
    expect(refused).toMatchObject({ ok: false, code: 'smp-device-refused' });
    await daemon.says(/Image in slot 1 refused: image-signature-invalid/);
    expect(await lastUpdate(daemon)).toBe('none');
  });

  it('takes no encrypted image, wherever one comes from', async () => {
    const encrypted = readFileSync(sampleImage('good-1.1.0-encrypted-x25519-ours.bin'));
    const device = await newDevice().provision();
    // As another agent may have left it there.
    const slot = readFileSync(device.file('slot1.img'));
    slot.set(encrypted);
    writeFileSync(device.file('slot1.img'), slot);
    const check = await device.run('check');
    expect(check.stdout).toMatch(/slot 1: .*image-encryption-key-missing/);
    const daemon = await device.start();
    const client = await daemon.client();
    const staged = must(await client.imageState()).find(({ active }) => !active);
    const marked = await client.imageTest(staged?.hash ?? new Uint8Array(0));
    expect(marked).toMatchObject({ ok: false, code: 'smp-device-refused' });
    await daemon.says(/Image in slot 1 refused: image-encryption-key-missing/);
    const uploaded = await client.imageUpload(encrypted);
    expect(uploaded).toMatchObject({ ok: false, code: 'smp-device-refused' });
    await daemon.says(/Upload refused: image-encryption-key-missing/);
    expect(await lastUpdate(daemon)).toBe('none');
  });

  it('answers at a serial port too, each link with buffers of its own', async () => {
    const pty = await openPty();
    try {
      const links = `serial: { path: '${pty.path}', buffer-size: 1KiB }\n  udp: { port: 0 }`;
      const device = await newDevice({ links }).provision();
      const daemon = await device.start();
      await daemon.says(/Serial: open at/);
      const overUdp = must(await (await daemon.client()).params());
      expect(overUdp).toMatchObject({ bufSizeBytes: 1472 });
      const answers: Uint8Array[] = [];
      pty.onData((bytes) => answers.push(bytes));
      const params = { version: 2, op: 'read', group: 0, command: 6, sequence: 5 } as const;
      pty.write(encodeSerialFrames(encodeSmpMessage({ ...params, body: {} })));
      await vi.waitFor(() => {
        const [, frame = ''] = Buffer.concat(answers).toString('latin1').split('\u0006\t');
        const base64 = frame.split('\n')[0];
        const answer = Buffer.from(base64 ?? '', 'base64').toString('latin1');
        expect(answer).toContain('buf_size\x19\x04\x00');
      }, PATIENCE);
    } finally {
      pty.close();
    }
  });

  it('is updated over a broker, reboot and all', async () => {
    const broker = await startEmbeddedBroker();
    try {
      const device = await newDevice({ links: `mqtt: { url: '${broker.url}' }` }).provision();
      const target = `${broker.url}/device-1`;
      const first = await device.start();
      await first.says(/MQTT: connected/);
      const client = await first.client(target);
      expect(must(await client.params())).toMatchObject({ bufSizeBytes: 65_535 });
      await upload(client, NEXT);
      must(await client.reset());
      await vi.waitFor(() => {
        expect(existsSync(device.file('reboot-wanted'))).toBe(true);
      }, PATIENCE);
      expect(await first.kill('SIGTERM')).toBe(0);
      device.reboot();
      const second = await device.start();
      await second.says(/image confirmed/);
      const after = must(await (await second.client(target)).imageState());
      expect(after.find(({ active }) => active)).toMatchObject({ version: '1.1.0' });
    } finally {
      await broker.close();
    }
  });

  it('does not confirm an image that cannot reach its broker', async () => {
    const broker = await startEmbeddedBroker();
    const links = `mqtt: { url: '${broker.url}' }\n  udp: { port: 0 }`;
    const device = await newDevice({ links, trial: '{ settle: 0s, timeout: 2s }' }).provision();
    const first = await device.start();
    await upload(await first.client(), NEXT);
    await broker.close();
    const trial = await resetInto(device, first);
    await trial.says(/Trial failed: the update service was not reached in time/);
    expect(trial.output).not.toMatch(/image confirmed/);
  });

  it('holds its store alone, and gives it back even when it is killed', async () => {
    const device = await newDevice().provision();
    const first = await device.start();
    const second = await device.run();
    expect(second).toMatchObject({ status: 15 });
    expect(second.stderr).toMatch(/disk-store-locked/);
    await first.kill('SIGKILL');
    await device.start();
  });
});
