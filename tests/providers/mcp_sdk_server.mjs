/**
 * The MCP server and the demo OAuth provider of the MCP TypeScript SDK, set up as in its examples. The provider
 * registers clients and shows its users no page.
 */
import { randomUUID } from 'node:crypto';
import cors from 'cors';
import { DemoInMemoryAuthProvider } from '@modelcontextprotocol/sdk/examples/server/demoInMemoryOAuthProvider.js';
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js';
import { getOAuthProtectedResourceMetadataUrl, mcpAuthRouter } from '@modelcontextprotocol/sdk/server/auth/router.js';
import { createMcpExpressApp } from '@modelcontextprotocol/sdk/server/express.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';

const { host, origin } = JSON.parse(process.argv[2]);
const issuerUrl = new URL(`http://${host}`);
const resourceServerUrl = new URL('/mcp', issuerUrl);
const provider = new DemoInMemoryAuthProvider();
const sessions = new Map();

const app = createMcpExpressApp();
app.use(mcpAuthRouter({ provider, issuerUrl, resourceServerUrl, scopesSupported: ['mcp:tools'] }));
app.use('/mcp', cors({ origin, exposedHeaders: ['WWW-Authenticate', 'Mcp-Session-Id'] }));
app.all(
  '/mcp',
  requireBearerAuth({
    verifier: provider,
    resourceMetadataUrl: getOAuthProtectedResourceMetadataUrl(resourceServerUrl),
    expectedResource: resourceServerUrl,
  }),
  async (request, response) => {
    const id = request.headers['mcp-session-id'];
    const transport = id ? sessions.get(id) : await newTransport();
    if (!transport) return response.status(404).json({ error: 'no such session' });
    await transport.handleRequest(request, response, request.body);
  },
);

/** Each session has a transport and a server. */
async function newTransport() {
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: (id) => sessions.set(id, transport),
    onsessionclosed: (id) => sessions.delete(id),
  });
  const server = new McpServer({ name: 'mcp-sdk', version: '1.0.0' });
  server.registerTool('whoami', { description: 'The client that the token was issued to' }, ({ authInfo }) => ({
    content: [{ type: 'text', text: authInfo.clientId }],
  }));
  await server.connect(transport);
  return transport;
}

const server = app.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.resume().on('end', () => process.exit()); // ends together with the process that started it
