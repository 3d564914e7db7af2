import { readBoardConfig, type BoardDefinition } from '@brickproof/harness';

/** A board of 16 sectors of 4 KiB, of which the lines change what they name. */
export function boardText(changes: Readonly<Record<string, string>> = {}): string {
  const lines = {
    name: 'a-board',
    flash: '{ sectors: [16 x 4KiB], write-alignment: 4 }',
    areas: '{ slot0: { offset: 0, size: 0x6000 }, slot1: { offset: 24KiB, size: 24KiB } }',
    ...changes,
  };
  const kept = Object.entries(lines).filter(([, value]) => value !== '');
  return kept.map(([key, value]) => `${key}: ${value}\n`).join('');
}

/** The board of a file that has to be right. */
export function readBoard(text: string): BoardDefinition {
  const found = readBoardConfig(text, 'b.yaml');
  if (!found.ok) throw new Error(JSON.stringify(found.problems));
  return found.board;
}

/** `LINE: SENTENCE` for each problem. */
export function problemsOf(text: string): readonly string[] {
  const found = readBoardConfig(text, 'b.yaml');
  return found.ok ? [] : found.problems.map(({ line, sentence }) => `${line}: ${sentence}`);
}
