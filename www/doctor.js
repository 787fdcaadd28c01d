/** What the doctor of the package finds with a provider, and how the page shows it. */
import { element } from './element.js';

/** @typedef {import('../pkg/doctor/index.d.ts').Finding} Finding */

/** What a frame says of itself. */
const OF_FRAME = new Set(['csp.page', 'coop', 'coep']);

/** By severity, with the words above each group. @type {[Finding['level'], string][]} */
const GROUPS = [
  ['error', 'What does not work'],
  ['warning', 'What is lost'],
  ['unknown', 'What cannot be seen from here'],
];

/**
 * This page may not ask a provider: its policy lets only the worker do so. A frame with a policy of its own may, and can do nothing
 * else.
 * @param {import('../pkg/index.d.ts').Options} options @returns {Promise<Finding[]>}
 */
export async function findingsFor(options) {
  const frame = element('iframe', { src: 'doctor_frame.html', title: 'The doctor', class: 'unseen', tabindex: '-1' });
  const { port1, port2 } = new MessageChannel();
  try {
    await new Promise((loaded) => {
      frame.addEventListener('load', loaded);
      document.body.append(frame);
    });
    const findings = await new Promise((done, fail) => {
      port1.onmessage = ({ data }) => (data.findings ? done(data.findings) : fail(new Error(data.message)));
      frame.contentWindow.postMessage({ options }, location.origin, [port2]);
    });
    return findings.filter(({ check }) => !OF_FRAME.has(check));
  } finally {
    port1.close();
    frame.remove();
  }
}

/** @param {Finding[]} all */
export function reportOf(all) {
  // If no address has metadata, each of them belongs to that error, and the client can only say the same.
  const isLost = all.some(({ check, level }) => check === 'discovery' && level === 'error');
  const findings = isLost ? all.filter(({ check }) => check !== 'client') : all;
  const of = (wanted) =>
    findings.filter(({ check, level }) => (isLost && check === 'discovery.address' ? 'error' : level) === wanted);
  const errors = findings.filter(({ level }) => level === 'error').length;
  const verdict = errors
    ? `${errors === 1 ? 'One thing keeps' : `${errors} things keep`} this from working.`
    : 'Nothing stands in the way of a sign-in, as far as can be seen from here.';
  return [
    element('p', { class: errors ? 'verdict bad' : 'verdict good' }, verdict),
    ...GROUPS.filter(([level]) => of(level).length).map(([level, title]) =>
      element('section', { class: 'findings' }, element('h3', {}, title), element('ul', {}, ...of(level).map(lineOf))),
    ),
    element(
      'details',
      {},
      element('summary', {}, `${of('ok').length} checks found nothing to do`),
      element('ul', {}, ...of('ok').map(({ about }) => element('li', {}, ...prose(about)))),
    ),
  ];
}

/** @param {Finding} finding */
function lineOf({ level, check, about, breaks, fix, source }) {
  return element(
    'li',
    { class: level },
    element('p', { class: 'about' }, ...prose(about)),
    breaks && element('p', {}, element('strong', {}, 'Breaks: '), ...prose(breaks)),
    fix && element('p', {}, element('strong', {}, 'Fix: '), ...prose(fix)),
    element('small', {}, element('code', {}, check), ` · ${source}`),
  );
}

/** A text with its code as code. @param {string} text */
export const prose = (text) => text.split('`').map((part, index) => (index % 2 ? element('code', {}, part) : part));
