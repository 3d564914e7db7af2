import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { formatExplorePage, type ExploreReport } from '@brickproof/harness';
import {
  BROKEN,
  DRAINED,
  brokenWithSectors,
  brokenWithText,
} from '../harness/explore/exploration-fixture.js';
import { removeFolder } from '../remove-folder.js';
import {
  startHeadlessBrowser,
  type BrowserKey,
  type BrowserPage,
  type HeadlessBrowser,
} from './headless-browser.js';
import { findPeer } from './peers.js';

const chromium = findPeer('chromium');
const HOSTILE = `</script></style></title><b onclick="x">"'<img src=https://example.com/a>\u0000`;
const LAST_STEP = BROKEN.counterexample?.boots.length ?? 0;

describe('the page of an exploration in chromium', () => {
  let browser: HeadlessBrowser | undefined;
  let folder: string | undefined;

  afterAll(async () => {
    await browser?.dispose();
    if (folder !== undefined) removeFolder(folder);
  });

  const itBrowses = (title: string, body: () => Promise<void>): void => {
    it.skipIf(chromium.isSkipped)(`${title}${chromium.titleSuffix}`, body);
  };

  /** The page in a tab of its own, which is prepared before; the fragment is that of its address. */
  async function openReports(
    reports: readonly ExploreReport[],
    prepare: (page: BrowserPage) => Promise<unknown> = () => Promise.resolve(),
    fragment = '',
  ): Promise<{ readonly page: BrowserPage; readonly url: string }> {
    browser ??= startHeadlessBrowser(chromium.command());
    folder ??= mkdtempSync(join(tmpdir(), 'brickproof-explore-'));
    const file = join(folder, 'explore.html');
    writeFileSync(file, formatExplorePage(reports));
    const page = await browser.newPage();
    await prepare(page);
    const url = pathToFileURL(file).href;
    await page.open(`${url}${fragment}`);
    return { page, url };
  }

  itBrowses('asks for nothing but itself and has nothing to complain of', async () => {
    for (const report of [BROKEN, DRAINED, brokenWithText(HOSTILE), brokenWithSectors(300)]) {
      const { page, url } = await openReports([report]);
      for (const key of ['ArrowRight', 'End', 'Home'] as const) await page.press(key);
      expect(page.requests).toEqual([url]);
      expect(page.complaints).toEqual([]);
    }
  });

  itBrowses('steps with the arrow keys, to both ends and no further', async () => {
    const { page } = await openReports([BROKEN]);
    expect(await seen(page)).toEqual({ ...stepSeen(0), hash: '' });
    for (const [key, step] of [
      ['ArrowRight', 1],
      ['ArrowRight', 2],
      ['ArrowLeft', 1],
      ['End', LAST_STEP],
      ['ArrowRight', LAST_STEP],
      ['Home', 0],
      ['ArrowLeft', 0],
    ] as const) {
      await page.press(key);
      expect(await seen(page), key).toEqual(stepSeen(step));
    }
  });

  itBrowses('leaves Home and End to the page until the trace has the focus', async () => {
    const { page } = await openReports([BROKEN]);
    await page.press('End');
    expect(await seen(page)).toEqual({ ...stepSeen(0), hash: '' });
    await page.evaluate(`document.querySelector('.trace').focus()`);
    await page.press('End');
    expect(await seen(page)).toEqual(stepSeen(LAST_STEP));
  });

  itBrowses('steps with its buttons, which the keyboard reaches', async () => {
    const { page } = await openReports([BROKEN]);
    await page.evaluate(`document.querySelector('[data-key=ArrowRight]').focus()`);
    await page.press('Enter');
    await page.press('Enter');
    expect(await seen(page)).toEqual(stepSeen(2));
    await page.press('Tab');
    await page.press('Enter');
    expect(await seen(page)).toEqual(stepSeen(LAST_STEP));
  });

  itBrowses('says in a live region which step is shown', async () => {
    const { page } = await openReports([BROKEN]);
    await page.press('ArrowRight');
    const told = `Array.from(document.querySelectorAll('[aria-live=polite]'), (e) => e.textContent)`;
    expect(await page.evaluate(told)).toEqual([`step 1 of ${LAST_STEP}: Boot 1: reset`]);
  });

  itBrowses('keeps its step over a reload, and is opened at a step by its address', async () => {
    const { page } = await openReports([BROKEN]);
    await pressTimes(page, 'ArrowRight', 3);
    await page.reload();
    expect(await seen(page)).toEqual(stepSeen(3));
    await page.press('Home');
    expect(await seen(page)).toEqual(stepSeen(0));

    const linked = await openReports([BROKEN], undefined, '#trace-1-step-2');
    expect(await seen(linked.page)).toEqual(stepSeen(2));
    await linked.page.evaluate(`location.hash = 'trace-1-step-4'`);
    await linked.page.press('ArrowLeft');
    expect(await seen(linked.page)).toEqual(stepSeen(3));
  });

  itBrowses('moves the trace that has the focus, where there are several', async () => {
    const { page } = await openReports([BROKEN, DRAINED, BROKEN]);
    await page.press('ArrowRight');
    await page.evaluate(`document.querySelector('#trace-3').focus()`);
    await pressTimes(page, 'ArrowRight', 2);
    const { shown, hash } = await seen(page);
    expect({ shown, hash }).toEqual({
      shown: ['trace-1-step-1', 'trace-3-step-2'],
      hash: '#trace-3-step-2',
    });
  });

  itBrowses('shows all steps without a script, and no controls', async () => {
    const { page } = await openReports([BROKEN], (empty) => {
      return empty.send('Emulation.setScriptExecutionDisabled', { value: true });
    });
    expect(await seen(page)).toEqual({ shown: allSteps(), counter: '', hash: '' });
    const controls = `document.querySelector('.controls').checkVisibility()`;
    expect(await page.evaluate(controls)).toBe(false);
  });

  itBrowses('prints all steps', async () => {
    const { page } = await openReports([BROKEN]);
    await page.send('Emulation.setEmulatedMedia', { media: 'print' });
    expect((await seen(page)).shown).toEqual(allSteps());
  });

  itBrowses('is as wide as the window, whose width may be that of a phone', async () => {
    const { page } = await openReports([brokenWithSectors(300), brokenWithText(HOSTILE), DRAINED]);
    const hidden = `document.documentElement.scrollWidth - document.documentElement.clientWidth`;
    for (const width of [320, 400, 1200]) {
      const size = { width, height: 800, deviceScaleFactor: 1, mobile: false };
      await page.send('Emulation.setDeviceMetricsOverride', size);
      expect(await page.evaluate(hidden), `${width} pixels`).toBe(0);
    }
  });
});

interface Seen {
  /** The steps that can be seen, by their ids. */
  readonly shown: unknown;
  readonly counter: unknown;
  readonly hash: unknown;
}

async function seen(page: BrowserPage): Promise<Seen> {
  return {
    shown: await page.evaluate(
      `Array.from(document.querySelectorAll('.step'))
        .filter((step) => step.checkVisibility()).map((step) => step.id)`,
    ),
    counter: await page.evaluate(`document.querySelector('.counter').innerText`),
    hash: await page.evaluate('location.hash'),
  };
}

/** What is seen when the only trace of a page was moved to a step. */
function stepSeen(step: number): Seen {
  const id = `trace-1-step-${step}`;
  return { shown: [id], counter: `step ${step} of ${LAST_STEP}`, hash: `#${id}` };
}

function allSteps(): readonly string[] {
  return Array.from({ length: LAST_STEP + 1 }, (_, step) => `trace-1-step-${step}`);
}

async function pressTimes(page: BrowserPage, key: BrowserKey, times: number): Promise<void> {
  for (let time = 0; time < times; time += 1) await page.press(key);
}
