// Loaded into the daemon before anything else (node --import). Counts the operations that change
// the file system, writes each into a trace before it is done, and ends the process with SIGKILL at
// the one that the plan names: before it, after it, or in the middle of what it writes.
//
// KILL_PLAN names a file with "<operation> <moment> <permille>", read anew at each operation, so
// that it can be changed while the daemon runs; operation 0 is none. KILL_TRACE names the trace, a
// line for each operation.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { basename } from 'node:path';

const PLAN_BYTES = 32;
const real = { ...fs };
const plan = real.openSync(process.env.KILL_PLAN, 'r');
const trace = real.openSync(process.env.KILL_TRACE, 'w');
const planBytes = Buffer.alloc(PLAN_BYTES);
const names = new Map();
let operations = 0;
/** Node's own functions call each other: what one operation is made of is not counted again. */
let isInside = false;

function die() {
  process.kill(process.pid, 'SIGKILL');
  for (;;);
}

function plannedMoment() {
  const length = real.readSync(plan, planBytes, 0, PLAN_BYTES, 0);
  const [at, moment, permille] = planBytes.toString('latin1', 0, length).trim().split(' ');
  const isDue = Number(at) > 0 && operations >= Number(at);
  return isDue ? { moment, permille: Number(permille) } : undefined;
}

/** `part`, where an operation has a middle, does a share of it, in thousandths. */
function operation(description, whole, part = whole) {
  if (isInside) return whole();
  operations += 1;
  real.writeSync(trace, `${description}\n`);
  const planned = plannedMoment();
  if (planned?.moment === 'before') die();
  isInside = true;
  try {
    return planned?.moment === 'middle' ? part(planned.permille) : whole();
  } finally {
    isInside = false;
    if (planned !== undefined) die();
  }
}

function share(bytes, permille) {
  return Math.floor((bytes * permille) / 1000);
}

fs.openSync = (path, flags, ...rest) => {
  const open = () => {
    const descriptor = real.openSync(path, flags, ...rest);
    names.set(descriptor, basename(String(path)));
    return descriptor;
  };
  const creates = typeof flags === 'number' && (flags & fs.constants.O_CREAT) !== 0;
  return creates ? operation(`create ${basename(String(path))}`, open) : open();
};

fs.closeSync = (descriptor) => {
  names.delete(descriptor);
  real.closeSync(descriptor);
};

fs.writeSync = (descriptor, data, offset, length, position) => {
  const write = (bytes) => real.writeSync(descriptor, data, offset, bytes, position);
  const name = names.get(descriptor);
  if (name === undefined) return write(length);
  return operation(
    `write ${name} ${length} bytes at ${position}`,
    () => write(length),
    (permille) => write(share(length, permille)),
  );
};

fs.writeFileSync = (path, data, ...rest) =>
  operation(
    `write ${basename(String(path))} whole`,
    () => real.writeFileSync(path, data, ...rest),
    (permille) => real.writeFileSync(path, data.slice(0, share(data.length, permille)), ...rest),
  );

for (const name of ['fsyncSync', 'fdatasyncSync']) {
  fs[name] = (descriptor) => {
    const sync = () => real[name](descriptor);
    operation(`sync ${names.get(descriptor) ?? descriptor}`, sync);
  };
}

fs.renameSync = (from, to) =>
  operation(`rename to ${basename(String(to))}`, () => real.renameSync(from, to));

for (const [name, verb] of [
  ['unlinkSync', 'unlink'],
  ['rmSync', 'remove'],
  ['mkdirSync', 'make'],
]) {
  fs[name] = (path, ...rest) =>
    operation(`${verb} ${basename(String(path))}`, () => real[name](path, ...rest));
}

syncBuiltinESMExports();
