import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where a program is that would be started under this name; undefined when there is none. */
export function findProgram(
  name: string,
  path: string = process.env['PATH'] ?? '',
): string | undefined {
  if (name.includes('/')) return isProgram(name) ? name : undefined;
  const folders = path.split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, name)).find(isProgram);
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
