/** `valet-key doctor`: checks a provider and APIs as an app's pages would meet them, and says how to mend what is wrong. */
import { parseArgs, stripVTControlCharacters } from 'node:util';
import { examine, redirectUri } from '../doctor/provider.js';
import { askerFrom } from './ask.js';
import { expect } from './mistake.js';

export const USAGE = `usage: valet-key doctor ISSUER --client-id ID --origin ORIGIN [--redirect-uri PAGE …] [--api URL …]
                        [--scope SCOPE] [--dpop auto|required|off] [--oauth] [--json]

Asks the provider and the APIs what a page of ORIGIN, such as https://app.example.com, would ask them. It sends no token, code or
credential, makes no authorization request, and registers nothing. --oauth: plain OAuth 2, without ID Tokens. --json prints the findings as
JSON. The exit code is 0 if there is no error.`;

/** How long a server may take, in milliseconds. */
const TIMEOUT = 10_000;

/** @typedef {import('../doctor/index.d.ts').Finding} Finding */

/** The levels, the worst first, which is also the order of the report. @type {Record<Finding['level'], string>} */
const SIGNS = { error: '✗', warning: '!', unknown: '?', ok: '✓' };

/** The texts of a server can be in a finding: a terminal must not obey them. @param {string} text */
const line = (text) => stripVTControlCharacters(text).replace(/[\s\p{Cc}]+/gu, ' ');

/** @param {Finding} finding */
const described = ({ level, check, about, breaks, fix, source }) => [
  `${SIGNS[level]} ${level === 'ok' ? '' : `${level}: `}${line(about)}`,
  ...(breaks ? [`    breaks: ${line(breaks)}`] : []),
  ...(fix ? [`    fix:    ${line(fix)}`] : []),
  ...(level === 'ok' ? [] : [`    (${check}; ${source})`]),
];

/**
 * The findings in groups of one level. Within a group, they stay in the order in which a sign-in meets them.
 * @param {Finding[]} findings
 */
function report(findings) {
  const of = (/** @type {string} */ level) => findings.filter((one) => one.level === level);
  const groups = Object.keys(SIGNS)
    .map(of)
    .filter((group) => group.length);
  const count = (/** @type {Finding['level']} */ level) => of(level).length;
  const sum = `${count('error')} errors, ${count('warning')} warnings, ${count('unknown')} that could not be seen.`;
  return [...groups.map((group) => group.flatMap(described).join('\n')), sum].join('\n\n');
}

/** @param {string[]} parameters */
export async function run(parameters) {
  const { values, positionals } = parseArgs({
    args: parameters,
    allowPositionals: true,
    options: {
      'client-id': { type: 'string' },
      origin: { type: 'string' },
      'redirect-uri': { type: 'string', multiple: true },
      api: { type: 'string', multiple: true },
      scope: { type: 'string' },
      dpop: { type: 'string' },
      oauth: { type: 'boolean' },
      json: { type: 'boolean' },
    },
  });
  expect(positionals.length === 1, USAGE);
  const { 'client-id': clientId, origin = '', 'redirect-uri': pages = [], api: apis = [], dpop = 'auto' } = values;
  expect(clientId, `--client-id is missing: the ID that the provider gave your app.\n\n${USAGE}`);
  expect(origin, `--origin is missing: scheme, host and port of your app.\n\n${USAGE}`);
  expect(
    URL.canParse(origin) && new URL(origin).origin === origin,
    `--origin ${origin} is no origin. Write https://, the host and the port, without a path.`,
  );
  expect(/^(auto|required|off)$/.test(dpop), '--dpop is auto, required or off.');
  for (const url of apis) expect(/^https?:/.test(url) && URL.canParse(url), `--api ${url} is not an address.`);
  const [issuer] = positionals;
  const findings = [
    ...pages.map((page) => redirectUri(page, origin, false)),
    ...(await examine(
      {
        origin,
        issuer,
        clientId,
        scope: values.scope ?? '',
        openid: !values.oauth,
        apis,
        dpop: /** @type {'auto' | 'required' | 'off'} */ (dpop),
        allowLoopbackHttp: true,
        restores: true,
        method: 'none',
      },
      askerFrom(origin, TIMEOUT),
    )),
  ];
  const text = values.json ? JSON.stringify(findings, null, 2) : report(findings);
  return { text, failed: findings.some(({ level }) => level === 'error') };
}
