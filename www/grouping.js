/** Which steps belong to one flow: a sign-in, a call, a refresh. Pure. */
import { grantOf } from './words.js';

/**
 * @typedef {object} Step one message, as the event `trace` tells it
 * @property {number} id its place in the record of this tab
 * @property {number} page which page load it is from: exchanges are counted anew in each
 * @property {string} step
 * @property {'request' | 'response' | 'check'} message
 * @property {number} exchange
 * @property {string} from
 * @property {string} to
 * @property {boolean} [navigates]
 * @property {number} time
 * @property {number} [duration]
 * @property {string} [method]
 * @property {string} [url]
 * @property {number} [status]
 * @property {string} outcome
 * @property {string} [reason]
 * @property {Record<string, string | null>} parameters
 * @property {string} spec
 * @property {number} [count] how many equal messages it stands for
 *
 * @typedef {{ kind: string, steps: Step[] }} Flow
 */

/** Steps that prepare or complete the flow around them. */
const QUIET = new Set(['metadata', 'keys', 'resource_metadata', 'registration']);

const KINDS = {
  authorization: 'sign_in',
  pushed_authorization: 'sign_in',
  id_token: 'sign_in',
  device_authorization: 'device',
  api: 'call',
  socket: 'call',
  userinfo: 'call',
  revocation: 'sign_out',
  end_session: 'sign_out',
};

const GRANTS = { refresh_token: 'refresh', device_code: 'device', client_credentials: 'machine' };

/** Whether a step only prepares what the flow is about. @param {Step} step */
export const isQuiet = ({ step }) => QUIET.has(step);

/** Whether a step ends badly. That a user has not finished yet is no bad end. @param {Step} step */
export const isRefused = ({ outcome, reason }) =>
  (outcome === 'refused' || outcome === 'failed') && reason !== 'authorization_pending' && reason !== 'slow_down';

/** The flows, oldest first. @param {Step[]} steps @returns {Flow[]} */
export function flowsOf(steps) {
  /** @type {Flow[]} */
  const flows = [];
  for (const step of steps) {
    const last = flows.at(-1);
    const asked = step.message === 'response' && flows.find(({ steps }) => steps.some((one) => isRequestOf(one, step)));
    const flow = asked || (last && joins(last, step) ? last : undefined);
    if (flow) flow.steps.push(step);
    else flows.push({ kind: kindOf(step), steps: [step] });
    const into = flow ?? flows.at(-1);
    if (into.kind === 'preparation') into.kind = kindOf(step);
  }
  return flows.map(({ kind, steps }) => ({ kind: ending(kind, steps), steps: condensed(steps) }));
}

const isRequestOf = (one, { page, exchange, step }) =>
  one.message === 'request' && one.page === page && one.exchange === exchange && one.step === step;

function kindOf(step) {
  if (step.step === 'token') return GRANTS[grantOf(step)] ?? 'sign_in';
  return KINDS[step.step] ?? 'preparation';
}

/** @param {Flow} flow @param {Step} step */
function joins(flow, step) {
  const kind = kindOf(step);
  const has = (name, message) => flow.steps.some((one) => one.step === name && one.message === message);
  if (step.step === 'id_token') return true;
  if (step.step === 'keys') return flow.kind !== 'call';
  if (isQuiet(step)) return !['call', 'sign_out'].includes(flow.kind) && !has('token', 'response');
  if (flow.kind === 'preparation') return true;
  if (kind !== flow.kind || kind === 'call') return false;
  // A flow begins anew with the message that begins it.
  const begins = { sign_in: 'authorization', device: 'device_authorization', refresh: 'token', machine: 'token' }[kind];
  return step.step !== begins || step.message !== 'request' || !has(begins, 'request');
}

function ending(kind, steps) {
  return kind === 'sign_out' && !steps.some(({ step }) => step === 'end_session') ? 'revocation' : kind;
}

/** What happened again and changed nothing is shown once: the polls of a device, and what both page and guard read. */
function condensed(steps) {
  /** @type {Step[]} */
  const kept = [];
  for (const step of steps) {
    const [request, response] = kept.slice(-2);
    const isPoll = response?.reason === 'authorization_pending' && step.step === 'token' && step.message === 'request';
    const twin = isQuiet(step) ? kept.findIndex((one) => isTwin(one, step)) : -1;
    if (isPoll) kept.splice(-2, 2, { ...step, count: (request.count ?? 1) + 1 });
    else if (step.reason === 'authorization_pending') kept.push({ ...step, count: kept.at(-1)?.count });
    else if (twin >= 0) kept[twin] = { ...kept[twin], count: (kept[twin].count ?? 1) + 1 };
    else kept.push(step);
  }
  return kept;
}

const isTwin = (one, { step, message, url, outcome }) =>
  one.step === step && one.message === message && one.url === url && one.outcome === outcome;
