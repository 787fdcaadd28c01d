/** Makes `docs/flow.svg`, the animated picture of a sign-in in README, from the demo's own drawing: `node docs/site/flow.mjs`. */
import { writeFile } from 'node:fs/promises';
import { EXAMPLE } from '../../www/example.js';
import { draw, laneOf } from '../../www/sequence.js';
import { ROLES } from '../../www/words.js';

const WIDTH = 760;
const HEAD = 64;

/** Seconds that each message takes, and that the whole picture stays. */
const [EACH, PAUSE] = [1.4, 4];

/** The names of the four, and their roles. */
const LANES = [
  ['You', ROLES.user.term],
  ['Your page', ROLES.client.term],
  ['Provider', ROLES.authorization_server.term],
  ['API', ROLES.resource_server.term],
];

const STYLE = `
  svg { color-scheme: light dark; background: #fffefb; --ink: #23211c; --soft: #67625a; --line: #d8d2c5; --brass: #7c5300; --wash: #f3ead6; --card: #fffefb; }
  @media (prefers-color-scheme: dark) {
    svg { background: #1d2024; --ink: #ebe8e1; --soft: #a39e94; --line: #43484f; --brass: #e6b85c; --wash: #2e2818; --card: #1d2024; }
  }
  text { font: 13px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; fill: var(--ink); text-anchor: middle; }
  .name { font-size: 15px; font-weight: 700; }
  .term, .sub { fill: var(--soft); font-size: 12px; }
  .sub { font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
  .what { font-weight: 650; }
  .lane { stroke: var(--line); }
  .arrow, .tip { fill: none; stroke: var(--ink); stroke-width: 1.6; stroke-linecap: round; stroke-linejoin: round; }
  .response .arrow { stroke-dasharray: 2 4; }
  .mark { fill: var(--brass); }
  .number { fill: var(--card); font-size: 11px; font-weight: 700; }
  .turn { fill: var(--card); stroke: var(--ink); stroke-width: 1.6; }
  .login rect { fill: var(--wash); stroke: var(--brass); stroke-dasharray: 4 4; }
  .start { text-anchor: start; }
  @media (prefers-reduced-motion: no-preference) { .step { opacity: 0; animation: come var(--all) infinite; } }`;

const escaped = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;');

const text = (kind, x, y, content) => `<text class="${kind}" x="${x}" y="${y}">${escaped(content)}</text>`;

/** A part that comes at its turn, and stays until the picture begins anew. */
function step(index, turns, kind, content) {
  const all = turns * EACH + PAUSE;
  const at = (seconds) => `${((100 * seconds) / all).toFixed(2)}%`;
  const [from, shown] = [at(index * EACH), at(index * EACH + 0.35)];
  const frames = `@keyframes come${index} { 0%, ${from} { opacity: 0 } ${shown}, 98% { opacity: 1 } 100% { opacity: 0 } }`;
  const motion = `animation-name: come${index}; --all: ${all.toFixed(2)}s`;
  return { frames, markup: `<g class="step ${kind}" style="${motion}">${content}</g>` };
}

function arrow({ number, path, mark, head, turn, texts }) {
  const { x, y, direction } = head;
  const [what, ...subs] = texts;
  const words = ({ x, y, text: content, anchor }, kind) => text(`${kind} ${anchor}`, x, y, content);
  return [
    `<path class="arrow" d="${path}"/>`,
    `<path class="tip" d="M${x - direction * 9} ${y - 5}L${x} ${y}L${x - direction * 9} ${y + 5}"/>`,
    turn ? `<circle class="turn" cx="${turn.x}" cy="${turn.y}" r="4"/>` : '',
    `<circle class="mark" cx="${mark.x}" cy="${mark.y}" r="${mark.r}"/>`,
    text('number', mark.x, mark.y + 4, String(number)),
    words(what, 'what'),
    ...subs.filter(({ text: content }) => content).map((one) => words(one, 'sub')),
  ].join('');
}

function login({ x, y, width, height, texts: [what, note] }) {
  const box = `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="10"/>`;
  return box + text('what', what.x, what.y, what.text) + text('sub', note.x, note.y, note.text);
}

/** The picture as a text. */
export function flow() {
  const { rows, logins, lanes, height } = draw(EXAMPLE, WIDTH);
  const parts = [
    ...rows.map((row) => ({ y: row.y, kind: row.looks.join(' '), content: arrow(row) })),
    ...logins.map((one) => ({ y: one.y, kind: 'login', content: login(one) })),
  ].sort((one, other) => one.y - other.y);
  const steps = parts.map(({ kind, content }, index) => step(index, parts.length, kind, content));
  const heads = lanes.map((lane, index) => {
    const [name, term] = LANES[index];
    return (
      text('name', lane.x, 26, name) +
      text('term', lane.x, 44, term) +
      `<path class="lane" transform="translate(0 ${HEAD})" d="${laneOf(lane, -6, height)}"/>`
    );
  });
  const title =
    'A sign-in with OAuth: the page sends the browser to the provider, where the user signs in and agrees. The browser comes back with a ' +
    'code, which the page exchanges for tokens. With the access token, it calls the API.';
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEAD + height + 8}" role="img" aria-labelledby="title">
<title id="title">${title}</title>
<style>${STYLE}
  ${steps.map(({ frames }) => frames).join('\n  ')}
</style>
${heads.join('\n')}
<g transform="translate(0 ${HEAD})">
${steps.map(({ markup }) => markup).join('\n')}
</g>
</svg>
`;
}

if (import.meta.filename === process.argv[1]) await writeFile(new URL('../flow.svg', import.meta.url), flow());
