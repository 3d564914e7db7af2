import './small-heap.js';
import { runAgentCommand } from './cli/agent-command.js';

/** What was printed has this long to leave. */
const LAST_OUTPUT_MS = 500;

// The exit status says what counts, even if nobody can read the words.
process.stderr.on('error', () => undefined);
process.exitCode = await runAgentCommand(process.argv.slice(2));
// Whatever might still be open by mistake, such as a program of the user's, does not keep it.
setTimeout(() => process.exit(), LAST_OUTPUT_MS).unref();
