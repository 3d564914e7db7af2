import type { Command } from 'commander';
import { printable } from '../client/device-error.js';
import type { SmpClient } from '../client/smp-client.js';
import { addGroup, addVerb } from './command-tree.js';
import type { VerbText } from './command-tree.js';
import { held, report } from './outcome.js';
import type { CliOutcome } from './outcome.js';
import { registerSmpImageCommand } from './smp-image-command.js';
import { addTargetOptions, failedRequest, withClient } from './smp-session.js';
import type { TargetContext } from './smp-session.js';
import { formatTable } from './table.js';

const TARGET_EXAMPLE = '--target serial:/dev/ttyACM0';

/** Adds `smp` with its verbs: a client for any target. */
export function registerSmpCommand(program: Command, context: TargetContext): void {
  const smp = addTargetOptions(addGroup(program, 'smp', 'talk SMP (mcumgr) to a device'));
  registerEcho(smp, context);
  registerReset(smp, context);
  registerDatetime(smp, context);
  for (const { text, ask } of QUESTIONS) {
    addVerb(smp, text).action(async (_options: unknown, command: Command) => {
      report(command, await withClient(command, context, ask));
    });
  }
  registerSmpImageCommand(smp, context);
}

function registerEcho(smp: Command, context: TargetContext): void {
  addVerb(smp, {
    usage: 'echo <text>',
    description: 'send a text and print what comes back',
    example: `brickproof smp ${TARGET_EXAMPLE} echo hello`,
  }).action(async (text: string, _options: unknown, command: Command) => {
    const ask = async (client: SmpClient): Promise<CliOutcome> => {
      const answer = await client.echo(text);
      if (!answer.ok) return failedRequest(answer);
      return held({ text: answer.value }, printable(answer.value));
    };
    report(command, await withClient(command, context, ask));
  });
}

function registerReset(smp: Command, context: TargetContext): void {
  addVerb(smp, {
    usage: 'reset',
    description: 'reset the device',
    example: `brickproof smp ${TARGET_EXAMPLE} reset`,
  })
    .option('--force', 'even if the application objects')
    .action(async ({ force }: { readonly force?: boolean }, command: Command) => {
      const ask = async (client: SmpClient): Promise<CliOutcome> => {
        const answer = await client.reset({ force: force === true });
        return answer.ok ? held({}, 'the device resets') : failedRequest(answer);
      };
      report(command, await withClient(command, context, ask));
    });
}

function registerDatetime(smp: Command, context: TargetContext): void {
  addVerb(smp, {
    usage: 'datetime [datetime]',
    description: "print the device's clock, or set it",
    example: `brickproof smp ${TARGET_EXAMPLE} datetime 2026-03-01T12:00:00`,
  }).action(async (datetime: string | undefined, _options: unknown, command: Command) => {
    const ask = async (client: SmpClient): Promise<CliOutcome> => {
      if (datetime !== undefined) {
        const set = await client.setDatetime(datetime);
        if (!set.ok) return failedRequest(set);
      }
      const answer = await client.datetime();
      if (!answer.ok) return failedRequest(answer);
      return held({ datetime: answer.value }, printable(answer.value));
    };
    report(command, await withClient(command, context, ask));
  });
}

interface Question {
  readonly text: VerbText;
  readonly ask: (client: SmpClient) => Promise<CliOutcome>;
}

const QUESTIONS: readonly Question[] = [
  {
    text: {
      usage: 'info',
      description: 'print what runs on the device',
      example: `brickproof smp ${TARGET_EXAMPLE} info`,
    },
    ask: async (client) => {
      const answer = await client.info();
      if (!answer.ok) return failedRequest(answer);
      return held({ info: answer.value }, printable(answer.value));
    },
  },
  {
    text: {
      usage: 'params',
      description: "print the size and the number of the device's buffers",
      example: `brickproof smp ${TARGET_EXAMPLE} params`,
    },
    ask: async (client) => {
      const answer = await client.params();
      if (!answer.ok) return failedRequest(answer);
      const { bufSizeBytes, bufCount } = answer.value;
      const rows = [
        ['buffer size', `${bufSizeBytes} bytes`],
        ['buffers', `${bufCount}`],
      ];
      return held({ bufSizeBytes, bufCount }, formatTable(rows));
    },
  },
  {
    text: {
      usage: 'last-update',
      description: 'print what became of the last update that the device accepted',
      example: `brickproof smp ${TARGET_EXAMPLE} last-update`,
    },
    ask: async (client) => {
      const answer = await client.lastUpdate();
      if (!answer.ok) return failedRequest(answer);
      const { state, hash } = answer.value;
      const hex = hash === undefined ? null : Buffer.from(hash).toString('hex');
      return held({ state, hash: hex }, hex === null ? state : `${state}  ${hex}`);
    },
  },
  {
    text: {
      usage: 'bootloader',
      description: 'print which bootloader the device has, and how it upgrades',
      example: `brickproof smp ${TARGET_EXAMPLE} bootloader`,
    },
    ask: async (client) => {
      const answer = await client.bootloaderInfo();
      if (!answer.ok) return failedRequest(answer);
      const { bootloader, mode, modeName, noDowngrade } = answer.value;
      const rows = [
        ['bootloader', printable(bootloader)],
        ['mode', modeName === undefined ? 'not told' : `${modeName} (${mode ?? ''})`],
        ['downgrades', noDowngrade ? 'refused' : 'not known to be refused'],
      ];
      const json = { bootloader, mode: mode ?? null, modeName: modeName ?? null, noDowngrade };
      return held(json, formatTable(rows));
    },
  },
];
