/** The record of steps of this tab. It outlives the trip to the provider; there is no secret in it. */
import { ROLES } from './words.js';

const KEY = 'demo:steps';

/** Older steps are forgotten. */
const MOST = 150;

const MEMBERS = [
  'step',
  'message',
  'exchange',
  'from',
  'to',
  'navigates',
  'time',
  'duration',
  'method',
  'url',
  'status',
  'outcome',
  'reason',
  'parameters',
  'spec',
];

const PAGE = Math.round(performance.timeOrigin);

/** Whether this is a step: any script of the page can write to the storage. */
const isStep = (one) =>
  [one?.id, one?.page, one?.time].every(Number.isFinite) &&
  [one.step, one.message, one.outcome, one.spec].every((text) => typeof text === 'string') &&
  [one.from, one.to].every((role) => Object.hasOwn(ROLES, role)) &&
  Boolean(one.parameters) &&
  typeof one.parameters === 'object';

/** @returns {import('./grouping.js').Step[]} */
export function readSteps() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? '[]').filter(isStep);
  } catch {
    return [];
  }
}

/**
 * Adds what an event `trace` tells, unless it is no message between roles.
 *
 * Reads first: a hidden frame of this page may have written, too.
 *
 * @param {import('../pkg/index.d.ts').TraceEvent} event
 */
export function keepStep(event) {
  if (!event.from || !event.to) return;
  const steps = readSteps();
  const step = { id: (steps.at(-1)?.id ?? 0) + 1, page: PAGE };
  for (const member of MEMBERS) if (event[member] !== undefined) step[member] = event[member];
  step.parameters ??= {};
  const kept = [...steps, step].slice(-MOST);
  try {
    sessionStorage.setItem(KEY, JSON.stringify(kept));
  } catch {
    // A full or blocked storage: the picture is drawn, and does not outlive the page.
  }
  return step;
}

export function forgetSteps() {
  sessionStorage.removeItem(KEY);
}
