/** A measured figure, and its relation to the promise. */

/**
 * @typedef {object} Figure
 * @property {string} figure what is measured
 * @property {string} unit of `ours` and `native`
 * @property {number} ours
 * @property {number} [native] the same without this library, measured in turns with it
 * @property {'difference' | 'ratio'} [by] how the two are compared; without it the promise is about `ours`
 * @property {number} [compared]
 * @property {{ most: number } | { least: number }} [promise]
 * @property {boolean} [kept]
 */

/** @param {Figure} given @returns {Figure} with the derived members */
export function figure({ compared, ...given }) {
  const { ours, native, by, promise } = given;
  const value = compared ?? (by === 'difference' ? ours - native : by === 'ratio' ? ours / native : ours);
  const kept = promise && (promise.most === undefined ? value >= promise.least : value <= promise.most);
  return { ...given, ...(by && { compared: value }), ...(promise && { kept }) };
}

/** @param {number[]} values */
export function median(values) {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The figures as a table in Markdown. @param {Figure[]} figures */
export function table(figures) {
  const rows = figures.map(({ figure, unit, ours, native, by, compared, promise, kept }) => [
    figure,
    number(ours, unit),
    native === undefined ? '–' : number(native, unit),
    by === 'ratio'
      ? `× ${number(compared)}`
      : by
        ? `${compared < 0 ? '−' : '+'}${number(Math.abs(compared), unit)}`
        : '–',
    promise ? wanted(promise, by, unit) : '–',
    kept === undefined ? '–' : kept ? 'kept' : 'MISSED',
  ]);
  const all = [['figure', 'ours', 'native', 'compared', 'promised', 'kept'], ...rows];
  const widths = all[0].map((_, column) => Math.max(...all.map((row) => row[column].length)));
  const line = (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  return [line(all[0]), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...rows.map(line)].join('\n');
}

const wanted = ({ most, least }, by, unit) =>
  `${most === undefined ? '≥' : '≤'} ${by === 'ratio' ? `× ${most ?? least}` : worded(most ?? least, unit)}`;

/** Counts are whole numbers; other figures have as many digits as are significant. */
function number(value, unit = 'times') {
  const isCount = unit === '' || unit === 'bytes';
  const digits = isCount || Math.abs(value) >= 100 ? 0 : Math.abs(value) < 10 ? 2 : 1;
  return unit === 'times' ? value.toFixed(digits) : worded(value.toFixed(digits), unit);
}

const worded = (text, unit) => (unit ? `${text} ${unit}` : String(text));
