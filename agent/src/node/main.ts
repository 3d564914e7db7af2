import './small-heap.js';
import { runAgentCommand } from './cli/agent-command.js';

process.exitCode = await runAgentCommand(process.argv.slice(2));
