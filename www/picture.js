/** The picture: draws each flow as an SVG, with a list of buttons for its steps, and opens the chosen one. */
import { detailsOf, place } from './details.js';
import { byId, element } from './element.js';
import { EXAMPLE } from './example.js';
import { flowsOf, isQuiet, isRefused } from './grouping.js';
import { draw, laneOf } from './sequence.js';
import { forgetSteps, readSteps } from './steps.js';
import { FLOWS, nameOf } from './words.js';

const SVG = 'http://www.w3.org/2000/svg';

const clock = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});

const holder = byId('flows-run');

/** How long a new arrow moves, and how long the next one waits for it, in milliseconds. */
const MOTION = { lasts: 550, apart: 110 };

/** Steps up to this one are from before the page, and are drawn without motion. */
let oldUpTo = 0;
/** When the motion of each newer step begins. @type {Map<number, number>} */
const beginnings = new Map();
/** The id of the chosen step. */
let chosen = null;
/** Which flows the user has opened or closed, by the id of their first step. */
const openness = new Map();
let isWaiting = false;

/** Draws what this tab has recorded, or the example. */
export function startPicture() {
  oldUpTo = readSteps().at(-1)?.id ?? 0;
  render();
  let { width } = holder.getBoundingClientRect();
  new ResizeObserver(([{ contentRect }]) => {
    if (Math.abs(contentRect.width - width) < 1) return;
    width = contentRect.width;
    render();
  }).observe(holder);
  holder.addEventListener('keydown', walk);
  byId('details').addEventListener('keydown', ({ key }) => key === 'Escape' && close());
}

/** Draws again soon: several steps may arrive together. */
export function redrawSoon() {
  if (isWaiting) return;
  isWaiting = true;
  setTimeout(() => {
    isWaiting = false;
    render();
  });
}

function render() {
  const steps = readSteps();
  const isExample = steps.every(isQuiet);
  const flows = (isExample ? [{ kind: 'example', steps: EXAMPLE }] : flowsOf(steps)).reverse();
  const focused = document.activeElement?.closest?.('[data-step]')?.dataset.step;
  byId('picture').classList.toggle('example', isExample);
  byId('picture-caption').textContent = isExample
    ? 'An example: nothing has run in this tab yet. Sign in, and your own steps take its place.'
    : 'Each arrow is a message that this page sent or got. Choose one to read it.';
  holder.replaceChildren(
    ...flows.map((flow, index) => flowElement(flow, index === 0)),
    ...(isExample ? [] : [clear()]),
  );
  if (focused) buttonOf(focused)?.focus({ preventScroll: true });
  if (chosen === null) return;
  if (buttonOf(chosen)?.checkVisibility()) open(chosen);
  else close();
}

function clear() {
  const button = element('button', { type: 'button' }, 'Clear the picture');
  button.addEventListener('click', () => {
    forgetSteps();
    oldUpTo = 0;
    beginnings.clear();
    close();
    render();
  });
  return element('p', { class: 'buttons clear' }, button);
}

/** @param {import('./grouping.js').Flow} flow */
function flowElement({ kind, steps }, isNewest) {
  const drawing = draw(steps, Math.max(280, Math.round(holder.clientWidth)));
  const shapes = shapesOf(drawing.rows);
  const list = element('ol', { class: 'steps', 'aria-label': `Steps: ${headingOf(kind, steps)}` });
  list.append(...drawing.rows.map((row, index) => stepItem(row, shapes[index], index === 0)));
  const canvas = element('div', { class: drawing.compact ? 'canvas compact' : 'canvas' }, svgOf(drawing, shapes), list);
  if (kind === 'example') return canvas;

  const first = String(steps[0].id);
  const details = element(
    'details',
    { class: 'flow' },
    element(
      'summary',
      {},
      element('h3', {}, headingOf(kind, steps)),
      element('span', { class: `outcome ${isRefused(steps.at(-1)) ? 'bad' : ''}` }, outcomeOf(steps)),
      element('time', { datetime: new Date(steps[0].time).toISOString() }, clock.format(steps[0].time)),
    ),
    canvas,
  );
  details.open = openness.get(first) ?? isNewest;
  details.querySelector('summary').addEventListener('click', () => openness.set(first, !details.open));
  return details;
}

function headingOf(kind, steps) {
  if (kind !== 'call') return FLOWS[kind] ?? 'Example';
  const { method = '', url = '' } = steps.find(({ url }) => url) ?? {};
  return `${FLOWS.call}: ${method} ${URL.canParse(url) ? new URL(url).pathname : url}`.trim();
}

function outcomeOf(steps) {
  const last = steps.at(-1);
  if (isRefused(last)) return [last.outcome, last.reason].filter(Boolean).join(': ');
  if (last.outcome === 'refused') return 'waiting for the user';
  return last.message === 'request' && last.step !== 'end_session' ? 'under way' : `${steps.length} steps`;
}

function stepItem(row, drawn, isFirst) {
  const { step, number } = row;
  const button = element(
    'button',
    {
      type: 'button',
      'data-step': String(step.id),
      'aria-expanded': 'false',
      'aria-label': `${number}. ${nameOf(step)}`,
      tabindex: isFirst ? '0' : '-1',
      class: row.looks.join(' '),
    },
    element('span', { class: 'number' }, `${number}.`),
    element('span', { class: 'name' }, nameOf(step)),
  );
  button.addEventListener('click', () => (chosen === step.id ? close() : open(step.id)));
  const item = element('li', {}, button);
  item.style.setProperty('--y', `${row.y}px`);
  item.style.setProperty('--height', `${row.height}px`);
  Object.assign(item, { row, drawn });
  return item;
}

const buttonOf = (id) => holder.querySelector(`[data-step="${id}"]`);

function open(id) {
  const button = buttonOf(id);
  if (!button) return close();
  for (const other of holder.querySelectorAll('[aria-expanded=true]')) collapse(other);
  chosen = id;
  button.setAttribute('aria-expanded', 'true');
  button.setAttribute('aria-controls', 'step-details');
  const item = button.parentElement;
  item.drawn.classList.add('chosen');
  const isCompact = Boolean(button.closest('.compact'));
  place(
    detailsOf(item.row.step, item.row.number, () => close(true)),
    isCompact ? item : byId('details'),
  );
  byId('details').classList.toggle('shown', !isCompact);
}

function collapse(button) {
  button.setAttribute('aria-expanded', 'false');
  button.removeAttribute('aria-controls');
  button.parentElement.drawn.classList.remove('chosen');
}

function close() {
  const button = chosen !== null && buttonOf(chosen);
  chosen = null;
  place(null, byId('details'));
  byId('details').classList.remove('shown');
  if (!button) return;
  collapse(button);
  button.focus({ preventScroll: true });
}

/** Arrow keys walk the steps, Escape closes. */
function walk(event) {
  if (event.key === 'Escape') return close();
  const button = event.target.closest('[data-step]');
  const all = button && [...button.closest('.steps').querySelectorAll('[data-step]')];
  const next = all?.at(
    { ArrowDown: all.indexOf(button) + 1, ArrowUp: all.indexOf(button) - 1, Home: 0, End: -1 }[event.key] ?? NaN,
  );
  if (!(event.key in { ArrowDown: 1, ArrowUp: 1, Home: 1, End: 1 }) || !next) return;
  event.preventDefault();
  for (const one of all) one.tabIndex = one === next ? 0 : -1;
  next.focus();
  if (chosen !== null) open(Number(next.dataset.step));
}

/** @param {import('./sequence.js').Drawing} drawing @param {SVGElement[]} shapes of its rows */
function svgOf({ width, height, lanes, top, logins }, shapes) {
  const svg = shape('svg', {
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    'aria-hidden': 'true',
    class: 'sequence',
  });
  for (const lane of lanes) {
    const { x, text } = lane;
    if (text) svg.append(words({ x, y: 16, text, class: 'lane-name' }));
    svg.append(shape('path', { class: 'lane', d: laneOf(lane, top, height) }));
  }
  for (const login of logins) {
    const { x, y, texts } = login;
    const group = shape('g', { class: 'login' });
    group.append(shape('rect', { x, y, width: login.width, height: login.height, rx: 10 }));
    group.append(...texts.map((text) => words(text)));
    svg.append(group);
  }
  svg.append(...shapes);
  return svg;
}

function shapesOf(rows) {
  return rows.map((row, index) => rowShape(row, delayOf(row.step.id, rows[index - 1]?.step.id)));
}

/**
 * When a new step begins to move, from now on; negative if it moves already, `undefined` if it is at rest.
 *
 * A step waits for the one before it in its flow.
 */
function delayOf(id, previous) {
  if (id <= oldUpTo) return undefined;
  const now = performance.now();
  if (!beginnings.has(id)) {
    const last = beginnings.get(previous) ?? 0;
    beginnings.set(id, Math.max(now, last + MOTION.apart));
  }
  const delay = beginnings.get(id) - now;
  return delay > -MOTION.lasts ? delay : undefined;
}

function rowShape({ number, path, mark, head, turn, texts, looks }, delay) {
  const group = shape('g', { class: ['row', ...looks, delay !== undefined && 'fresh'].filter(Boolean).join(' ') });
  if (delay !== undefined) {
    group.style.setProperty('--delay', `${Math.round(delay)}ms`);
    // A page that draws few frames would show the middle of the motion for long.
    setTimeout(() => group.classList.remove('fresh'), delay + MOTION.lasts);
  }
  const { x, y, direction } = head;
  const isRefused = looks.includes('refused');
  const tip = isRefused
    ? `M${x - direction * 10} ${y - 5}l10 10m0 -10l-10 10`
    : `M${x - direction * 9} ${y - 5}L${x} ${y}L${x - direction * 9} ${y + 5}`;
  group.append(shape('path', { class: 'arrow', d: path }), shape('path', { class: 'tip', d: tip }));
  if (turn) group.append(shape('circle', { class: 'turn', cx: turn.x, cy: turn.y, r: 4 }));
  group.append(shape('circle', { class: 'mark', cx: mark.x, cy: mark.y, r: mark.r }));
  group.append(words({ x: mark.x, y: mark.y + 4, text: String(number), class: 'number' }));
  group.append(
    ...texts.map(({ x, y, text, anchor }, index) => words({ x, y, text, class: index ? 'sub' : 'what', anchor })),
  );
  return group;
}

function words({ x, y, text, anchor = 'middle', ...attributes }) {
  const made = shape('text', { x, y, 'text-anchor': anchor, ...attributes });
  made.textContent = text;
  return made;
}

function shape(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}
