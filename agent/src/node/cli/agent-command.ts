import { parseArgs } from 'node:util';
import type { DeviceConfig } from '../config/device-config.js';
import { loadDeviceConfig } from '../config/load-config.js';
import { createStreamLog } from '../daemon/daemon-log.js';
import { prepareLinks } from '../daemon/device-links.js';
import { AGENT_EXIT, exitWith } from '../daemon/exit-status.js';
import type { AgentExit, AgentExitStatus } from '../daemon/exit-status.js';
import { openDevice } from '../daemon/open-device.js';
import type { OpenDevice, Opened } from '../daemon/open-device.js';
import { SlotReadFailure } from '../storage/file-flash-area.js';
import { AGENT_HELP } from './agent-help.js';
import { checkDevice } from './check-command.js';
import { provisionDevice } from './provision-command.js';
import { runDaemon } from './run-command.js';
import { describeRunningSlot } from './slot-command.js';
import { agentVersion } from './agent-version.js';

/** What the command line says. */
export interface AgentArguments {
  readonly verb: AgentVerb;
  readonly configFile: string;
  readonly imageFile: string | undefined;
  readonly force: boolean;
}

type AgentVerb = 'run' | 'check' | 'provision' | 'slot';

const VERBS: readonly AgentVerb[] = ['run', 'check', 'provision', 'slot'];
const CONFIG_FILE_DEFAULT = '/etc/brickproof/device.yaml';

/** `brickproof-agent`: reads its arguments, does what they say, and answers the exit status. */
export async function runAgentCommand(args: readonly string[]): Promise<AgentExitStatus> {
  const parsed = readArguments(args);
  if (typeof parsed === 'string') {
    process.stdout.write(`${parsed}\n`);
    return AGENT_EXIT.stopped;
  }
  if (!parsed.ok) return report(parsed);
  const config = loadDeviceConfig(parsed.value.configFile);
  if (!config.ok) return report(exitWith(AGENT_EXIT.config, config));
  try {
    return await runVerb(parsed.value, config.value);
  } catch (error) {
    if (!(error instanceof SlotReadFailure)) throw error;
    const failure = { ok: false, code: 'slot-read-failed', detail: error.message } as const;
    return report(exitWith(AGENT_EXIT.slots, failure));
  }
}

async function runVerb(args: AgentArguments, config: DeviceConfig): Promise<AgentExitStatus> {
  switch (args.verb) {
    case 'run': {
      const links = prepareLinks(config);
      if (!links.ok) return report(exitWith(AGENT_EXIT.config, links));
      const device = openDevice(config, { mayCreateSlots: false });
      if (!device.ok) return report(device);
      return reportOutcome(await runDaemon(device.value, links.value));
    }
    case 'check':
      return reportOutcome(checkDevice(config));
    case 'slot':
      return reportOutcome(describeRunningSlot(config));
    case 'provision': {
      const device: Opened<OpenDevice> = openDevice(config, { mayCreateSlots: true });
      if (!device.ok) return report(device);
      try {
        return reportOutcome(provisionDevice(device.value, args));
      } finally {
        device.value.close();
      }
    }
  }
}

function reportOutcome(outcome: Opened<string>): AgentExitStatus {
  if (!outcome.ok) return report(outcome);
  if (outcome.value !== '') process.stdout.write(`${outcome.value}\n`);
  return AGENT_EXIT.stopped;
}

/** One line for each thing that is wrong. */
function report(exit: AgentExit): AgentExitStatus {
  const log = createStreamLog((line) => process.stderr.write(line), {
    forJournal: process.env['JOURNAL_STREAM'] !== undefined,
  });
  for (const line of exit.detail.split('\n')) {
    log.write('error', `${line} (${exit.code}, exit status ${exit.status})`);
  }
  return exit.status;
}

/** The arguments, or a text that was asked for instead. */
function readArguments(args: readonly string[]): Opened<AgentArguments> | string {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        config: { type: 'string', short: 'c', default: CONFIG_FILE_DEFAULT },
        image: { type: 'string' },
        force: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
        version: { type: 'boolean', short: 'V', default: false },
      },
    });
  } catch (error) {
    return usage(error instanceof Error ? error.message : String(error));
  }
  const { values, positionals } = parsed;
  if (values.help) return AGENT_HELP;
  if (values.version) return agentVersion();
  const [word = 'run', ...more] = positionals;
  const verb = VERBS.find((known) => known === word);
  if (verb === undefined) return usage(`there is no verb "${word}"; known are ${VERBS.join(', ')}`);
  if (more.length > 0) return usage(`"${more.join(' ')}" is too much`);
  if (verb === 'provision' && values.image === undefined) return usage('provision needs --image');
  return {
    ok: true,
    value: {
      verb,
      configFile: values.config,
      imageFile: values.image,
      force: values.force,
    },
  };
}

function usage(sentence: string): AgentExit {
  const detail = `${sentence.split('\n')[0] ?? ''}; see brickproof-agent --help`;
  return exitWith(AGENT_EXIT.usage, { ok: false, code: 'usage', detail });
}
