/** The check of a guard's redirect page, by the guard when it is installed and by the page that tells a developer what is wrong. */

/**
 * Says what to do so that no page can read the redirect page, which a browser without the guard shows: in a sandbox it has an origin
 * of its own. With `X-Frame-Options`, WebKit shows a page instead whose address the parent can read.
 * @param {string} folder of the guard @returns {Promise<string>} empty if nothing is wrong
 */
export async function flaw(folder) {
  const { ok, status, headers, url } = await fetch(`${folder}callback.html`, { cache: 'no-store' });
  if (!ok) return `Serve ${url}: its status is ${status}.`;
  if (headers.has('x-frame-options')) return `Serve ${url} without \`X-Frame-Options\`.`;
  const directives = (headers.get('content-security-policy') ?? '').split(/[;,]/);
  return directives.some((directive) => /^\s*sandbox\s*$/i.test(directive))
    ? ''
    : `Serve ${url} with \`Content-Security-Policy: default-src 'none'; sandbox\`.`;
}
