// Next's loader sets the addresses of scripts as plain text. This policy lets it load scripts of its own folder on the page's origin.
globalThis.trustedTypes?.createPolicy('default', {
  createScriptURL: (url) => (new URL(url, location.href).href.startsWith(`${location.origin}/_next/`) ? url : null),
});
