import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { removeFolder } from '../remove-folder.js';

/** A Chromium without a window, which does what the Chrome DevTools Protocol tells it. */
export interface HeadlessBrowser {
  /** Opens an empty page. */
  newPage(): Promise<BrowserPage>;
  /** Ends the browser and removes its files. */
  dispose(): Promise<void>;
}

/** A page of a browser. Whatever waits ends with an error when its time is over. */
export interface BrowserPage {
  /** What the console and the page's policy found wrong. */
  readonly complaints: readonly string[];
  /** The addresses of all that the page asked for. */
  readonly requests: readonly string[];
  /** Goes to an address; resolves when the page is loaded. */
  open(url: string): Promise<void>;
  reload(): Promise<void>;
  /** Presses a key and lets it go. */
  press(key: BrowserKey): Promise<void>;
  /** The value of an expression, as JSON has it. */
  evaluate(expression: string): Promise<unknown>;
  /** A command of the protocol that has no method of its own here. */
  send(method: string, parameters?: ProtocolObject): Promise<ProtocolObject>;
}

/** The keys that the tests press, by their names in the DOM. */
export type BrowserKey = 'ArrowLeft' | 'ArrowRight' | 'Home' | 'End' | 'Tab' | 'Enter';

type ProtocolObject = Readonly<Record<string, unknown>>;
type EventListener = (parameters: ProtocolObject) => void;

const ANSWER_TIMEOUT_MS = 30_000;
const MESSAGE_CHARACTERS_MAX = 64 * 1024 * 1024;
const COMPLAINTS_MAX = 100;
const REQUESTS_MAX = 1000;

const KEY_CODES: Readonly<Record<BrowserKey, number>> = {
  Tab: 9,
  Enter: 13,
  End: 35,
  Home: 36,
  ArrowLeft: 37,
  ArrowRight: 39,
};

/** Starts a browser that keeps nothing and asks nobody. */
export function startHeadlessBrowser(command: string): HeadlessBrowser {
  const folder = mkdtempSync(join(tmpdir(), 'brickproof-chromium-'));
  const child = spawn(command, browserArguments(folder), {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
  });
  const connection = new ProtocolConnection(child);
  return {
    newPage: () => openPage(connection),
    dispose: async () => {
      await endProcess(child);
      removeFolder(folder);
    },
  };
}

function browserArguments(folder: string): readonly string[] {
  return [
    '--headless',
    '--remote-debugging-pipe',
    `--user-data-dir=${folder}`,
    '--no-first-run',
    '--disable-gpu',
    '--disable-dev-shm-usage',
    '--disable-background-networking',
    '--disable-component-update',
    // The sandbox needs a user who is not root.
    ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
  ];
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

async function openPage(connection: ProtocolConnection): Promise<BrowserPage> {
  const { targetId } = await connection.send('Target.createTarget', { url: 'about:blank' });
  const attached = await connection.send('Target.attachToTarget', { targetId, flatten: true });
  const sessionId = String(attached['sessionId']);
  const complaints: string[] = [];
  const requests: string[] = [];
  const note = (list: string[], limit: number, text: string): void => {
    if (list.length < limit) list.push(text);
  };
  const complain = (parameters: ProtocolObject): void => {
    note(complaints, COMPLAINTS_MAX, JSON.stringify(parameters));
  };
  connection.listen(sessionId, 'Log.entryAdded', complain);
  connection.listen(sessionId, 'Runtime.exceptionThrown', complain);
  connection.listen(sessionId, 'Runtime.consoleAPICalled', complain);
  connection.listen(sessionId, 'Network.requestWillBeSent', ({ request }) => {
    note(requests, REQUESTS_MAX, String(objectOf(request)['url']));
  });
  const send: BrowserPage['send'] = (method, parameters = {}) => {
    return connection.send(method, parameters, sessionId);
  };
  for (const domain of ['Page', 'Runtime', 'Log', 'Network']) await send(`${domain}.enable`);
  const load = async (method: string, parameters: ProtocolObject): Promise<void> => {
    const loaded = connection.next(sessionId, 'Page.loadEventFired');
    await Promise.all([send(method, parameters), loaded]);
  };
  return {
    complaints,
    requests,
    send,
    open: (url) => load('Page.navigate', { url }),
    reload: () => load('Page.reload', {}),
    press: async (key) => {
      const pressed = { key, code: key, windowsVirtualKeyCode: KEY_CODES[key] };
      const text = key === 'Enter' ? { type: 'keyDown', text: '\r' } : { type: 'rawKeyDown' };
      await send('Input.dispatchKeyEvent', { ...pressed, ...text });
      await send('Input.dispatchKeyEvent', { ...pressed, type: 'keyUp' });
    },
    evaluate: async (expression) => {
      const answer = await send('Runtime.evaluate', { expression, returnByValue: true });
      if ('exceptionDetails' in answer) throw new Error(JSON.stringify(answer));
      return objectOf(answer['result'])['value'];
    },
  };
}

interface Waiting {
  readonly resolve: (result: ProtocolObject) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** The protocol over two pipes: the browser reads commands on 3 and writes on 4, each ends in a 0. */
class ProtocolConnection {
  readonly #commands: Writable;
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners = new Map<string, EventListener[]>();
  #lastId = 0;
  #received = '';
  #end: Error | undefined;

  constructor(child: ChildProcess) {
    const [, , , commands, answers] = child.stdio;
    if (!(commands instanceof Writable) || !(answers instanceof Readable)) {
      throw new Error('the browser has no pipes');
    }
    this.#commands = commands;
    commands.on('error', (error) => {
      this.#close(error);
    });
    answers.setEncoding('utf8');
    answers.on('data', (text: string) => {
      this.#receive(text);
    });
    child.on('error', (error) => {
      this.#close(error);
    });
    child.on('exit', (status, signal) => {
      this.#close(new Error(`the browser ended with ${String(status ?? signal)}`));
    });
  }

  send(method: string, parameters: ProtocolObject, sessionId?: string): Promise<ProtocolObject> {
    const id = (this.#lastId += 1);
    const answer = this.#wait(id, method);
    const session = sessionId === undefined ? {} : { sessionId };
    this.#commands.write(`${JSON.stringify({ id, method, params: parameters, ...session })}\0`);
    return answer;
  }

  listen(sessionId: string, event: string, listener: EventListener): void {
    const key = `${sessionId} ${event}`;
    this.#listeners.set(key, [...(this.#listeners.get(key) ?? []), listener]);
  }

  /** The next event of a name. */
  next(sessionId: string, event: string): Promise<ProtocolObject> {
    const id = (this.#lastId += 1);
    this.listen(sessionId, event, (parameters) => {
      this.#settle(id, parameters);
    });
    return this.#wait(id, event);
  }

  #wait(id: number, what: string): Promise<ProtocolObject> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new Error(`the browser did not answer in time: ${what}`));
      }, ANSWER_TIMEOUT_MS);
      this.#waiting.set(id, { resolve, reject, timer });
    });
  }

  #receive(text: string): void {
    const messages = (this.#received + text).split('\0');
    this.#received = messages.pop() ?? '';
    if (this.#received.length > MESSAGE_CHARACTERS_MAX) {
      this.#close(new Error('the browser sends a message without an end'));
    }
    for (const message of messages) this.#take(objectOf(JSON.parse(message)));
  }

  #take({ id, method, sessionId, error, result, params }: ProtocolObject): void {
    if (typeof id === 'number') {
      this.#settle(id, error === undefined ? objectOf(result) : new Error(JSON.stringify(error)));
      return;
    }
    const listeners = this.#listeners.get(`${String(sessionId)} ${String(method)}`) ?? [];
    for (const listener of listeners) listener(objectOf(params));
  }

  #settle(id: number, result: ProtocolObject | Error): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    if (result instanceof Error) waiting.reject(result);
    else waiting.resolve(result);
  }

  #close(error: Error): void {
    this.#end ??= error;
    for (const id of [...this.#waiting.keys()]) this.#settle(id, this.#end);
  }
}

function objectOf(value: unknown): ProtocolObject {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
