/** What the checks of the documentation read in a Markdown file: its headings, its links and its blocks of code. */

/**
 * @typedef {{ language: string, place?: string, line: number, text: string }} Block a block of code; `line` is that of its first line, from 1,
 *   and `place` the second word after the fence, such as `service-worker`
 * @typedef {{ target: string, line: number }} Link
 */

/** @param {string} text of a file @returns {{ anchors: Set<string>, headings: string[], links: Link[], blocks: Block[] }} */
export function read(text) {
  const headings = [];
  const links = [];
  const blocks = [];
  const anchors = new Set();
  /** @type {{ fence: string, indent: number, info: string, line: number, lines: string[] } | undefined} */
  let open;
  text.split('\n').forEach((line, index) => {
    const [, indent, fence, info] = /^( *)(`{3,})(.*)$/.exec(line) ?? [];
    if (open) {
      if (fence === open.fence && !info) {
        const [language, place] = open.info.split(' ');
        blocks.push({ language, place, line: open.line, text: `${open.lines.join('\n')}\n` });
        open = undefined;
      } else {
        open.lines.push(line.slice(open.indent));
      }
      return;
    }
    if (fence) {
      open = { fence, indent: indent.length, info: info.trim(), line: index + 2, lines: [] };
      return;
    }
    const heading = /^#{1,6} (.+)$/.exec(line)?.[1];
    if (heading) {
      headings.push(heading);
      anchors.add(unusedAnchor(heading, anchors));
    }
    for (const [, target] of line.replace(/`[^`]*`/g, '').matchAll(/\]\(([^)\s]+)\)/g))
      links.push({ target, line: index + 1 });
  });
  return { anchors, headings, links, blocks };
}

/** The fragment of a heading as code hosts make it, with a number for each repetition. @param {string} heading @param {Set<string>} used */
function unusedAnchor(heading, used) {
  const anchor = anchorOf(heading);
  for (let number = 0; ; number++) {
    const candidate = number ? `${anchor}-${number}` : anchor;
    if (!used.has(candidate)) return candidate;
  }
}

/** @param {string} heading */
export const anchorOf = (heading) =>
  heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-');
