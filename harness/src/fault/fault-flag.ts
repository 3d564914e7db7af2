import { closestWord, readYamlDocument } from '@brickproof/agent/node';
import { accept, reject, type Verdict } from '@brickproof/bootloader-sim';
import { boardFaultSchema, type FaultDocument } from './fault-schema.js';

/** A fault as a flag has it, and what it means. */
export interface FaultFlag {
  readonly text: string;
  readonly document: FaultDocument;
}

const KINDS = ['power-cut', 'failure', 'worn-out', 'flipped-bit'];
const CHARACTERS_MAX = 200;
const OPTION = /^([a-z-]+)=([A-Za-z0-9.+:-]+)$/;

/**
 * Reads a fault that is written on one line: its kind, then keys of scenarios, each with a value
 * and all parted by commas: `failure,operation=3,on=write,at=slot1`.
 */
export function readFaultFlag(text: string): Verdict<FaultFlag, 'fault-malformed'> {
  const refuse = (why: string): Verdict<FaultFlag, 'fault-malformed'> =>
    reject('fault-malformed', `--fault ${text.slice(0, CHARACTERS_MAX)}: ${why}`);
  if (text.length > CHARACTERS_MAX) return refuse(`more than ${CHARACTERS_MAX} characters`);
  const [kind = '', ...options] = text.split(',');
  if (!KINDS.includes(kind)) {
    const meant = closestWord(kind, KINDS);
    const help = meant === undefined ? `there are ${KINDS.join(', ')}` : `did you mean ${meant}?`;
    return refuse(`there is no fault ${JSON.stringify(kind)}; ${help}`);
  }
  const odd = options.find((option) => !OPTION.test(option));
  if (odd !== undefined) return refuse(`${JSON.stringify(odd)} is not written as KEY=VALUE`);
  const entries = options.map((option) => option.replace('=', ': ')).join(', ');
  const document = readYamlDocument(`${kind}: { ${entries} }`, boardFaultSchema);
  if (document.ok) return accept({ text, document: document.value });
  return refuse(document.problems.map(({ sentence }) => sentence).join('; '));
}
