/** Syslog's numbers for how loud a line is. */
export type LogLevel = 'error' | 'warning' | 'info';

/** Where the daemon says what happens, a line at a time. */
export interface DaemonLog {
  write(level: LogLevel, text: string): void;
}

const PRIORITIES: Readonly<Record<LogLevel, number>> = { error: 3, warning: 4, info: 6 };
const LINE_CHARACTERS_MAX = 1_000;

/**
 * Lines on a stream; in the journal with the priority that systemd reads off their beginning
 * (sd-daemon(3)). What comes from outside cannot begin a line of its own.
 */
export function createStreamLog(
  write: (line: string) => void,
  options: { readonly forJournal: boolean },
): DaemonLog {
  return {
    write: (level, text) => {
      const line = printable(text).slice(0, LINE_CHARACTERS_MAX);
      if (options.forJournal) write(`<${PRIORITIES[level]}>${line}\n`);
      else write(`${level === 'info' ? '' : `${level}: `}${line}\n`);
    },
  };
}

function printable(text: string): string {
  return text
    .trim()
    .replace(/\s*[\r\n]+\s*/g, '; ')
    .replace(/\p{Cc}/gu, '?');
}
