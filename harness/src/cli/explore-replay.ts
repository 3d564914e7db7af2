import { createHostCrypto } from '@brickproof/agent/node';
import { reject, type Verdict } from '@brickproof/bootloader-sim';
import { replayDump } from '../explore/explore-dump.js';
import { counterexampleToJson } from '../explore/explore-json.js';
import { formatCounterexample } from '../explore/explore-text.js';
import { countOf } from '../explore/explore-words.js';
import { replayExploration, type Replayed } from '../explore/replay.js';
import { decodeReplayId } from '../explore/replay-id.js';
import { paintFor } from '../report/paint.js';
import { EXIT } from './exit-status.js';
import { dumpSourceOf, type ExploreFlags } from './explore-flags.js';
import { contradictionOf } from './explore-matrix.js';
import { failed, held, type CliOutcome } from './outcome.js';

/** Goes the way to a finding again: broken is what it finds, as the exploration did. */
export async function replay(id: string, flags: ExploreFlags): Promise<CliOutcome> {
  const decoded = decodeReplayId(id);
  if (!decoded.ok) return failed(EXIT.usage, decoded.code, decoded.detail);
  if (flags.html !== undefined) {
    const sentence = '--html shows explorations, not a replay; leave it out';
    return failed(EXIT.usage, 'replay-contradicted', sentence);
  }
  const contradiction = contradictionOf(flags, decoded.value.request);
  if (contradiction !== undefined) {
    return failed(EXIT.usage, 'replay-contradicted', contradiction);
  }
  const replayed = await goAgain(id, flags);
  if (!replayed.ok) return failed(EXIT.usage, replayed.code, replayed.detail);
  const { counterexample } = replayed.value;
  if (counterexample === undefined) {
    return held({ counterexample: null }, 'what was found broken held this time');
  }
  const { invariant, cuts } = counterexample;
  const sentence = `${invariant} is broken after ${countOf(cuts, 'power cut')}`;
  const outcome = failed(EXIT.failed, 'explore-broken', sentence);
  const json = { ...outcome.json, counterexample: counterexampleToJson(counterexample) };
  const text = formatCounterexample(counterexample, paintFor(process.stdout, process.env));
  return { ...outcome, json, text };
}

async function goAgain(id: string, flags: ExploreFlags): Promise<Verdict<Replayed, string>> {
  const tools = { crypto: createHostCrypto() };
  const { flash, board } = flags;
  if (flash !== undefined && board !== undefined) {
    return replayDump(dumpSourceOf(flags, { dumpPath: flash, board }), id, tools);
  }
  const replayed = replayExploration(id, tools);
  if (replayed.ok || replayed.code !== 'replay-elsewhere') return replayed;
  const help = 'if it is of a dump, name that with --flash and --board';
  return reject(replayed.code, `${replayed.detail}; ${help}`);
}
