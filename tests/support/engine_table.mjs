/**
 * Writes the tables of `docs/engines.md` from the stories that ran: one table for each home of tokens, with a row for
 * each file and a column for each engine.
 *
 *     node engine_table.mjs RAN            writes them
 *     node engine_table.mjs RAN --check    fails if the page differs from what ran, except for versions
 *     node engine_table.mjs RAN --check-part   the same after a partial run: statements of the page about other
 *                                          stories are not checked
 */
import { readFile, writeFile } from 'node:fs/promises';
import { ABILITIES, NEEDS } from './abilities.mjs';

const PAGE = new URL('../../docs/engines.md', import.meta.url);
const STORIES = new URL('../e2e/', import.meta.url);
const [BEGIN, END] = ['<!-- what ran -->\n', '<!-- until here -->\n'];

const ENGINES = { chromium: 'Chromium', firefox: 'Firefox', webkit: 'WebKitGTK' };

const HOMES = {
  shared: 'Tokens in a shared worker, the default',
  dedicated: 'Tokens in a worker of each tab, where there are no shared workers',
  page: "Tokens in the page, `tokens: 'page'`",
};

/** @param {import('./ran.mjs').Ran[]} ran */
async function render(ran) {
  const notes = [];
  const note = (kind, name) => {
    const key = `${kind} ${name}`;
    if (!notes.includes(key)) notes.push(key);
    return `[${notes.indexOf(key) + 1}](#what-happens-instead)`;
  };
  const cell = (stories) => {
    const lacked = new Set(stories.flatMap((story) => story.lacked ?? []));
    const skipped = new Set(stories.flatMap((story) => story.needs ?? []));
    return [
      stories.some(({ needs }) => !needs) ? '✓' : '–',
      ...Object.keys(ABILITIES)
        .filter((name) => lacked.has(name))
        .map((name) => note('ability', name)),
      ...Object.keys(NEEDS)
        .filter((name) => skipped.has(name))
        .map((name) => note('need', name)),
    ].join(' ');
  };

  const parts = [`Written with ${versions(ran)}.`];
  for (const [home, title] of Object.entries(HOMES)) {
    const here = ran.filter((story) => story.home === home);
    const rows = [];
    for (const file of [...new Set(here.map(({ file }) => file))].sort()) {
      const group = here.filter((story) => story.file === file);
      const cells = Object.keys(ENGINES).map((engine) => cell(group.filter((story) => story.engine === engine)));
      rows.push(`| ${await titleOf(file)} | ${cells.join(' | ')} |`);
    }
    parts.push(`## ${title}`, [`| | ${Object.values(ENGINES).join(' | ')} |`, '|---|---|---|---|', ...rows].join('\n'));
  }
  parts.push('## What happens instead', notes.map((key, index) => `${index + 1}. ${explain(key, ran)}`).join('\n'));
  return `${parts.join('\n\n')}\n`;
}

function versions(ran) {
  const names = Object.entries(ENGINES).map(
    ([engine, name]) => `${name} ${ran.find((story) => story.engine === engine && story.version)?.version}`,
  );
  return names.join(', ').replace(/, ([^,]*)$/, ' and $1');
}

/** The title of a file of stories: its first sentence. */
async function titleOf(file) {
  const text = await readFile(new URL(file, STORIES), 'utf8');
  return /^\/\*\*\s*(?:\* )?(.*?)\.(?:\s|$)/s.exec(text)[1].replace(/\s+\* /g, ' ');
}

function explain(key, ran) {
  const [kind, name] = key.split(' ');
  if (kind === 'need') return `Not run elsewhere: ${NEEDS[name].reason}.`;
  const seen = [
    ...new Set(ran.filter(({ lacked }) => lacked?.includes(name)).map((story) => `“${story.name}”`)),
  ].sort();
  const { lacking, instead } = ABILITIES[name];
  return `${lacking}: ${instead}. Seen in ${seen.join(', ')}.`;
}

const [file, mode] = process.argv.slice(2);
const ran = (await readFile(file, 'utf8'))
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));
const page = await readFile(PAGE, 'utf8');
const [head, rest] = page.split(BEGIN);
const [before, tail] = rest.split(END);
const now = await render(ran.filter(({ failed }) => !failed));
const bare = (text) => text.replace(/^Written with .*$/m, '').trim();

/**
 * The statements of a page or a part of it: each table, row and engine that played something, and each story with a
 * fallback.
 */
function* statements(text) {
  const notes = [...text.split('## What happens instead')[1].matchAll(/^\d+\. (.*?\.)(?: Seen in (.*)\.)?$/gm)];
  let title = '';
  for (const line of text.split('\n')) {
    if (line.startsWith('## ')) title = line.slice(3);
    const [row, ...engines] = line.startsWith('| ') ? line.slice(2, -2).split(' | ') : [];
    for (const [index, cell] of engines.entries()) {
      const said = cell.replace(/\[(\d+)\]\([^)]*\)/g, (_, number) => notes[number - 1][1]);
      if (cell.startsWith('✓')) yield `${title}: ${row}: ${Object.values(ENGINES)[index]}: ${said}`;
    }
  }
  for (const [, note, seen = ''] of notes) for (const story of seen.split(/, (?=“)/)) yield `${note} Seen in ${story}`;
}

/** Statements of a partial run that the page lacks. */
function unsaid(part, whole) {
  const said = new Set(statements(whole));
  return [...statements(part)].filter((statement) => !said.has(statement));
}

if (!mode) {
  await writeFile(PAGE, `${head}${BEGIN}\n${now}\n${END}${tail}`);
} else if (mode === '--check-part' ? unsaid(now, before).length : bare(before) !== bare(now)) {
  const what = mode === '--check-part' ? unsaid(now, before).join('\n') : now;
  console.error(
    `docs/engines.md differs from what ran. After \`cargo xtask test e2e --everywhere\`, \`cargo xtask engines\` writes it again:\n\n${what}`,
  );
  process.exitCode = 1;
}
