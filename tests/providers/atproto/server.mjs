/**
 * A personal data server of Bluesky (AT Protocol), which is both the authorization server and the API, with a directory of identities in
 * memory beside it. It demands pushed requests and DPoP with nonces, and knows clients by metadata documents; a client on loopback
 * writes its metadata into its client ID.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, mkdir, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PDS } from '@atproto/pds';
import * as plc from '@did-plc/server';

const { port, user, password } = JSON.parse(process.argv[2]);
const secret = (bytes) => randomBytes(bytes).toString('hex');

/** A port that is free at the moment. */
async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await new Promise((done) => probe.once('listening', done));
  const { port } = probe.address();
  await new Promise((done) => probe.close(done));
  return port;
}

const home = await mkdtemp(join(tmpdir(), 'valet-key-pds-'));
await mkdir(join(home, 'blobs'));
const directory = await freePort();
await plc.PlcServer.create({ db: plc.Database.mock(), port: directory }).start();
const pds = await PDS.fromEnv({
  devMode: true,
  hostname: 'localhost',
  port, // of the recorder, which is what clients see
  dataDirectory: home,
  blobstoreDiskLocation: join(home, 'blobs'),
  adminPassword: secret(16),
  jwtSecret: secret(16),
  plcRotationKeyK256PrivateKeyHex: secret(32),
  didPlcUrl: `http://localhost:${directory}`,
  serviceHandleDomains: ['.test'],
  inviteRequired: false,
  disableSsrfProtection: true,
  bskyAppViewUrl: 'https://appview.invalid',
  bskyAppViewDid: 'did:example:invalid',
});
pds.ctx.cfg.service.port = await freePort();
await pds.start();
const created = await fetch(`http://localhost:${pds.ctx.cfg.service.port}/xrpc/com.atproto.server.createAccount`, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ handle: `${user}.test`, email: `${user}@example.com`, password }),
});
if (!created.ok) throw new Error(await created.text());
console.log(pds.ctx.cfg.service.port);
process.stdin.resume().on('end', async () => {
  await rm(home, { recursive: true, force: true });
  process.exit(); // ends together with the process that started it
});
