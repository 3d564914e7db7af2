import Table from 'cli-table3';
import type { Goal } from './goal.js';

const DIGITS = 2;

/** The goals as a table for people. */
export function formatGoals(goals: readonly Goal[]): string {
  const table = new Table({
    head: ['what', 'measured', 'goal', '', 'how'],
    style: { head: [], border: [] },
  });
  for (const { name, measured, unit, note, ...rest } of goals) {
    table.push([name, `${measured.toFixed(DIGITS)} ${unit}`, limitOf(rest), verdictOf(rest), note]);
  }
  return table.toString();
}

/** The goals as one object for machines. */
export function goalsToJson(goals: readonly Goal[]): string {
  const held = goals.every((goal) => goal.held);
  return JSON.stringify({ held, node: process.version, goals }, undefined, 2);
}

function limitOf({ bound, limit }: Pick<Goal, 'bound' | 'limit'>): string {
  if (limit === undefined) return '';
  return `${bound === 'at-least' ? 'at least' : 'at most'} ${limit}`;
}

function verdictOf({ bound, held }: Pick<Goal, 'bound' | 'held'>): string {
  if (bound === 'none') return 'not judged';
  return held ? 'held' : 'MISSED';
}
