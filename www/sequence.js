/** The drawing of a flow: where lanes, arrows and texts are, for a width in pixels. Pure. */
import { isQuiet, isRefused } from './grouping.js';
import { LOGINS, ROLES, capitalized, spell, wordsFor } from './words.js';

/** Below this width, arrows have numbers only. */
const COMPACT = 560;

const LANES = Object.keys(ROLES);

/** What a character takes, in pixels: enough to know which text fits. */
const CHARACTER = { label: 6.6, sub: 7 };

/**
 * @typedef {object} Row
 * @property {import('./grouping.js').Step} step
 * @property {number} number
 * @property {number} y the upper edge
 * @property {number} height
 * @property {string} path of the line
 * @property {{ x: number, y: number, r: number }} mark where the number is
 * @property {{ x: number, y: number, direction: 1 | -1 }} head the tip of the arrow
 * @property {{ x: number, y: number }} [turn] where the message passes the user's browser
 * @property {{ x: number, y: number, text: string, anchor: string }[]} texts the first is the title
 * @property {('quiet' | 'response' | 'refused')[]} looks
 *
 * @typedef {object} Drawing
 * @property {number} width
 * @property {number} height
 * @property {boolean} compact
 * @property {Lane[]} lanes
 * @property {number} top where the lanes begin
 * @property {Row[]} rows
 * @property {Login[]} logins
 *
 * @typedef {{ role: string, x: number, text: string, gaps: [from: number, to: number][] }} Lane with gaps for texts
 * @typedef {{ x: number, y: number, width: number, height: number, texts: Words[] }} Login
 * @typedef {{ x: number, y: number, text: string }} Words
 */

/** @param {import('./grouping.js').Step[]} steps @param {number} width @returns {Drawing} */
export function draw(steps, width) {
  const compact = width < COMPACT;
  const lanes = LANES.map((role, index) => ({
    role,
    x: Math.round((width * (index + 0.5)) / LANES.length),
    text: compact ? capitalized(ROLES[role].name) : '',
    gaps: [],
  }));
  const at = Object.fromEntries(lanes.map(({ role, x }) => [role, x]));
  const top = compact ? 26 : 4;
  const drawing = { width, height: 0, compact, lanes, top, rows: [], logins: [] };
  let y = top + 8;
  for (const [index, step] of steps.entries()) {
    const row = rowOf(step, index + 1, y, { at, compact });
    drawing.rows.push(row);
    for (const { x, y, text } of row.texts)
      if (text) lanes.find((lane) => Math.abs(lane.x - x) < 1)?.gaps.push([y - 13, y + 4]);
    y += row.height;
    if (!asksUser(step, steps[index + 1])) continue;
    const login = loginAt(y, LOGINS[step.step], { at, compact });
    drawing.logins.push(login);
    y += login.height + 10;
  }
  drawing.height = y + 10;
  return drawing;
}

/** The line of a lane, which is interrupted by the texts upon it. @param {Lane} lane */
export function laneOf({ x, gaps }, top, bottom) {
  return `M${x} ${top}${gaps.map(([from, to]) => `V${from}M${x} ${to}`).join('')}V${bottom}`;
}

/** Whether the user is at the provider between this step and what follows. */
function asksUser({ step, message, outcome, parameters }, next) {
  if (step === 'device_authorization') return message === 'response' && outcome === 'ok';
  if (step !== 'authorization' || message !== 'request' || parameters.prompt === 'none') return false;
  return !next || next.step === 'authorization' || isQuiet(next);
}

function rowOf(step, number, y, { at, compact }) {
  const quiet = isQuiet(step);
  const looks = [quiet && 'quiet', step.message === 'response' && 'response', isRefused(step) && 'refused'];
  const base = { step, number, y, looks: looks.filter(Boolean) };
  const r = quiet ? 9 : 11;
  const row = step.navigates
    ? throughUser(step, y, { at, compact, r })
    : step.from === step.to
      ? within(step, y, { at, compact, r })
      : straight(step, y, { at, compact, r, quiet });
  return { ...base, ...row, texts: compact ? [] : row.texts };
}

function straight(step, y, { at, compact, r, quiet }) {
  const [from, to] = [at[step.from], at[step.to]];
  const direction = to > from ? 1 : -1;
  const height = compact ? (quiet ? 26 : 32) : quiet ? 36 : 52;
  const line = y + (compact ? height / 2 : quiet ? 24 : 28);
  const room = Math.abs(to - from) - 16;
  const middle = (from + to) / 2;
  return {
    height,
    mark: { x: from, y: line, r },
    path: `M${from + direction * r} ${line}H${to - direction * 3}`,
    head: { x: to - direction * 3, y: line, direction },
    texts: [
      { x: middle, y: line - 7, text: title(step, room), anchor: 'middle' },
      ...(quiet ? [] : [{ x: middle, y: line + 16, text: sub(step, room), anchor: 'middle' }]),
    ],
  };
}

/** A message that the user's browser carries: from one lane to the user's, and on from there. */
function throughUser(step, y, { at, compact, r }) {
  const [from, to, user] = [at[step.from], at[step.to], at.user];
  const [first, second] = compact ? [y + 14, y + 34] : [y + 28, y + 56];
  const isBack = step.message === 'response';
  // The long half is between the lanes of client and server; the title is there.
  const [titled, told] = isBack ? [first, second] : [second, first];
  const room = at.authorization_server - at.client - 16;
  return {
    height: compact ? 50 : isBack ? 74 : 84,
    mark: { x: from, y: first, r },
    path: around({ from: from - r, by: user, to: to - 3, first, second }),
    head: { x: to - 3, y: second, direction: 1 },
    turn: { x: user, y: (first + second) / 2 },
    texts: [
      { x: (at.client + at.authorization_server) / 2, y: titled - 7, text: title(step, room), anchor: 'middle' },
      { x: (user + at.client) / 2, y: told - 7, text: 'your browser', anchor: 'middle' },
      { x: (at.client + at.authorization_server) / 2, y: titled + 16, text: sub(step, room), anchor: 'middle' },
    ],
  };
}

/** What a role does by itself: a line that returns to its lane. */
function within(step, y, { at, compact, r }) {
  const x = at[step.from];
  const [first, second] = compact ? [y + 12, y + 26] : [y + 18, y + 36];
  const reach = x + (compact ? 26 : 34);
  return {
    height: compact ? 38 : 52,
    mark: { x, y: first, r },
    path: around({ from: x + r, by: reach, to: x + 3, first, second }),
    head: { x: x + 3, y: second, direction: -1 },
    texts: [
      { x: reach + 12, y: first + 6, text: title(step, 240), anchor: 'start' },
      { x: reach + 12, y: first + 23, text: sub(step, 240), anchor: 'start' },
    ],
  };
}

/** A line to `by`, down, and back, with round corners. */
function around({ from, by, to, first, second }) {
  const corner = by > from ? -8 : 8;
  const down = `Q${by} ${first} ${by} ${first + 8}V${second - 8}Q${by} ${second} ${by + corner} ${second}`;
  return `M${from} ${first}H${by + corner}${down}H${to}`;
}

function loginAt(y, { what, note }, { at, compact }) {
  const reach = compact ? 28 : Math.min(70, at.user - 6);
  const x = at.user - reach;
  const width = at.authorization_server + reach - x;
  const middle = x + width / 2;
  const length = compact ? 1 : 0;
  return {
    x,
    y: y + 2,
    width,
    height: compact ? 52 : 64,
    texts: [
      { x: middle, y: y + (compact ? 24 : 29), text: what[length] },
      { x: middle, y: y + (compact ? 42 : 50), text: note[length] },
    ],
  };
}

function title(step, room) {
  const times = step.count > 1 ? ` ×${step.count}` : '';
  return fitted(wordsFor(step).title + times, room, CHARACTER.label);
}

/** What is worth to be seen of a message at a glance: what it carries, or how it ended. */
function sub(step, room) {
  const { message, navigates, method, url, status, duration, reason, parameters } = step;
  const carried = carriedBy(step);
  if (message === 'check') return fitted(Object.keys(parameters).join(', '), room, CHARACTER.sub);
  if (message === 'request')
    return fitted(carried || (navigates ? '' : `${method} ${pathOf(url)}`), room, CHARACTER.sub);
  const took = duration !== undefined && !navigates && spell(duration);
  return fitted(carried || [status, reason, took].filter(Boolean).join(' · '), room, CHARACTER.sub);
}

/** The names of those parameters that the flow is about. */
function carriedBy({ step, parameters }) {
  if (step === 'revocation') return parameters.token_type_hint;
  if (step === 'authorization' && parameters.scope) return `scope: ${parameters.scope}`;
  const names = CARRIED[step]?.filter((name) => name in parameters) ?? [];
  return names.join(', ').replaceAll('_token,', ',');
}

const CARRIED = {
  pushed_authorization: ['code_challenge', 'request_uri'],
  authorization: ['code'],
  device_authorization: ['user_code', 'device_code'],
  token: ['code', 'code_verifier', 'device_code', 'client_assertion', 'access_token', 'refresh_token', 'id_token'],
  end_session: ['id_token_hint'],
};

function pathOf(url) {
  return url && URL.canParse(url) ? new URL(url).pathname : (url ?? '');
}

function fitted(text, room, character) {
  const most = Math.max(4, Math.floor(room / character));
  return text.length > most ? `${text.slice(0, most - 1).trimEnd()}…` : text;
}
