/** What typedoc's Markdown needs beside its own rules. */

/** @param {import('markdown-it')} parser */
export function extend(parser) {
  parser.core.ruler.push('code-in-headings', ({ tokens, Token }) => {
    for (const [index, token] of tokens.entries())
      if (token.type === 'heading_open')
        tokens[index + 1].children = tokens[index + 1].children.flatMap((child) => spelled(child, Token));
  });
  parser.core.ruler.push('cells', ({ tokens }) => {
    for (const token of tokens) {
      if (!token.attrGet('style')) continue;
      // A policy may forbid styles in attributes.
      if (token.attrGet('style') === 'text-align:right') token.attrJoin('class', 'to-the-right');
      token.attrs = token.attrs.filter(([name]) => name !== 'style');
    }
  });
}

/** Code in a heading as text, because typedoc leaves code out of the fragment that leads to the heading. */
function spelled(token, Token) {
  if (token.type !== 'code_inline') return [token];
  const part = (type, content) => Object.assign(new Token(type, '', 0), { content });
  return [part('html_inline', '<code>'), part('text', token.content), part('html_inline', '</code>')];
}
