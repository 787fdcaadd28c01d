/**
 * Third-party MCP servers with OAuth, in two languages.
 *
 * Each is a program of `tests/providers`, behind a {@link startRecorder recorder}, and is both the resource and the
 * provider. It registers clients (RFC 7591), and responds to an authorization request with a code at once, without a
 * page. Its tool `whoami` returns the client identifier of the access token.
 */
import { Endpoints } from './endpoints.mjs';
import { portNear } from './loopback.mjs';
import { PYTHON, startProgram } from './program.mjs';
import { startRecorder } from './recorder.mjs';

const PROGRAMS = {
  'mcp-sdk': [process.execPath, 'mcp_sdk_server.mjs'],
  fastmcp: [...PYTHON, 'fastmcp_server.py'],
};

const ENDPOINTS = new Endpoints({
  resource: ['/mcp'],
  resource_metadata: ['/.well-known/oauth-protected-resource/mcp'],
  discovery: ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server'],
  registration: ['/register'],
  authorization: ['/authorize'],
  token: ['/token'],
  revocation: ['/revoke'],
});

/** How to start each MCP server, by name. */
export const MCP_SERVERS = Object.fromEntries(
  Object.entries(PROGRAMS).map(([name, program]) => [name, (options) => start(program, options)]),
);

/**
 * @param {string[]} program
 * @param {object} options
 * @param {string} options.origin the origin of the page
 */
async function start(program, { origin }) {
  const port = await portNear();
  const host = `localhost:${port}`;
  const server = await startProgram(program, { host, origin });
  const recorder = await startRecorder({ port, behind: server.port, endpoints: ENDPOINTS });
  return {
    /** The URL of the MCP endpoint. */
    resource: `http://${host}/mcp`,
    /** Spelled as in the metadata, with a slash at the end. */
    issuer: `http://${host}/`,
    issued: recorder.issued,
    requests: recorder.requests,
    /** How many requests an endpoint received, without preflights. */
    count: (endpoint) => ENDPOINTS.count(recorder.requests, endpoint),
    close: () => Promise.all([recorder.close(), server.close()]),
  };
}
