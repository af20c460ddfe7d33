import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { currentRuntime } from '../../setup/runtimes.js';
import { createAuthority, writePair } from '../../support/certificates.js';
import { send, type HttpRequest, type HttpResponse } from '../../support/http.js';
import { makeWorkDirectory, startNginx, STORE, type Nginx } from '../../support/nginx.js';
import { curl, handshake, opensslClient, type ClientOptions } from '../../support/tls_client.js';
import { filesBeside, fittedTo, STREAM_FOLDER, textOf } from '../../support/examples.js';

// The files of nginx/ as they are copied.
const PORT = 443;
const ADMIN_PORT = 8443;
const STREAM_PORT = 8883;
const NAME = 'www.example.com';
const ADMIN_NAME = 'admin.example.com';
const BACKEND_NAME = 'backend.internal';
const CLIENT_NAME = 'client.internal';
const PUBLIC_ANSWER =
  /^(Served as www\.example\.com|Asked by CN=client\.internal, serial \w+)\.\n$/;
const WARNING = /\[(warn|error|crit|alert|emerg)\]/;

const authority = await createAuthority();
const clients = await createAuthority();
const known = await clients.issue({ names: ['deployer'] });
const unknown = await (await createAuthority()).issue({ names: ['deployer'] });
const first = await authority.issue({ names: [NAME] });
const second = await authority.issue({ names: [NAME] });

async function start(file: string, files: Record<string, string> = {}): Promise<Nginx> {
  const runtime = currentRuntime();
  const directory = makeWorkDirectory();
  const certs = join(directory, 'certs');
  await writePair(certs, NAME, first);
  for (const name of [ADMIN_NAME, BACKEND_NAME, CLIENT_NAME]) {
    await writePair(certs, name, await authority.issue({ names: [name] }));
  }
  const nginx = await startNginx({
    directory,
    runtime,
    ports: [PORT, ADMIN_PORT, STREAM_PORT],
    files: { ...filesBeside(runtime), ...files },
    tmpfs: STREAM_FOLDER,
    config: fittedTo(runtime, textOf(file)),
  });
  afterAll(() => nginx.stop());
  return nginx;
}

type Client = (path: string, request?: HttpRequest) => Promise<HttpResponse>;

/** @param tls of the client: its certificate, if it has one */
function clientOf(nginx: Nginx, headers = {}, tls = {}): Client {
  return (path, request) =>
    send(nginx.address(ADMIN_PORT), path, {
      headers,
      tls: { servername: ADMIN_NAME, ca: authority.rootPem, ...tls },
      ...request,
    });
}

const passwordOf = (text: string): Record<string, string> => ({
  Authorization: `Basic ${Buffer.from(`deployer:${text}`).toString('base64')}`,
});

const certificateOf = ({ chainPem, keyPem }: typeof known): Record<string, string> => ({
  cert: chainPem,
  key: keyPem,
});

/** What `openssl passwd -6 -salt example secret` prints. */
const HASH =
  '$6$example$Z2BOPPqODeg10rq9Dg9xjwOP57RlTvNbCypS2CVVvr5g7mvAZvYrTjfUv.nqLdz0ZMFW2W0B6Him2RZ9h0vIx/';

const unixSocket = await start('nginx.conf');
const basicAuth = await start('basic_auth.conf', {
  '/etc/nginx/cert_admins': `deployer:${HASH}\n`,
});
const twoKinds = await start('ecdsa_and_rsa.conf');
const scanning = await start('scan.conf');
const upstream = await start('upstream.conf', { '/etc/nginx/internal_ca.pem': authority.rootPem });
const stream = await start('stream.conf');
const clientCertificates = await start('client_certificates.conf', {
  '/etc/nginx/client_ca.pem': clients.rootPem,
});

interface Example {
  file: string;
  nginx: Nginx;
  /** One who may ask. */
  client: Client;
  /** Those who may not, with the status that nginx gives them. */
  strangers: [string, Client, number][];
}

const remote: Example[] = [
  {
    file: 'basic_auth.conf',
    nginx: basicAuth,
    client: clientOf(basicAuth, passwordOf('secret')),
    strangers: [
      ['no password', clientOf(basicAuth), 401],
      ['a wrong password', clientOf(basicAuth, passwordOf('guess')), 401],
    ],
  },
  {
    file: 'client_certificates.conf',
    nginx: clientCertificates,
    client: clientOf(clientCertificates, {}, certificateOf(known)),
    strangers: [
      ['no certificate', clientOf(clientCertificates), 400],
      ["another authority's", clientOf(clientCertificates, {}, certificateOf(unknown)), 400],
      ['a password', clientOf(clientCertificates, passwordOf('secret')), 400],
    ],
  },
];

// Who may use the socket is not nginx's business.
const local: Example = {
  file: 'nginx.conf',
  nginx: unixSocket,
  client: unixSocket.admin,
  strangers: [],
};

const locals = [
  local,
  { ...local, file: 'ecdsa_and_rsa.conf', nginx: twoKinds, client: twoKinds.admin },
  { ...local, file: 'scan.conf', nginx: scanning, client: scanning.admin },
  { ...local, file: 'stream.conf', nginx: stream, client: stream.admin },
  { ...local, file: 'upstream.conf', nginx: upstream, client: upstream.admin },
];

describe.each([...locals, ...remote])('$file', ({ nginx, client }) => {
  const serial = async (): Promise<string> => {
    const options = { ...nginx.address(PORT), servername: NAME, ca: authority.rootPem };
    return (await handshake(options)).serial;
  };

  test('starts without a warning, and is taken by nginx -t', async () => {
    expect(nginx.log()).not.toMatch(WARNING);
    const { exitCode, stderr } = await nginx.exec(['nginx', '-t']);
    expect([exitCode, stderr]).toEqual([0, expect.not.stringMatching(WARNING)]);
  });

  test('takes a pair, serves it, shows it, and drops it', async () => {
    expect(await serial()).toBe(first.serial);
    const put = await client(`/certs/${NAME}`, { method: 'PUT', body: second.pairPem });
    expect(put.status).toBe(200);
    expect(await serial()).toBe(second.serial);
    const read = await client(`/certs/${NAME}`);
    expect(JSON.parse(read.body)).toMatchObject({ name: NAME, source: 'api', state: 'ok' });
    expect(read.headers['etag']).toBe(put.headers['etag']);
    expect((await client('/metrics')).body).toMatch(/^cert_rotation_puts_total.* 1$/m);
    expect((await client(`/certs/${NAME}`, { method: 'DELETE' })).status).toBe(200);
    // What the files hold.
    expect(await serial()).toBe(first.serial);
    expect((await client('/clear')).body).toBe('{"cleared":"all"}\n');
  });

  test('has all that it serves in the store, and nothing goes to nginx as text', async () => {
    const put = await client(`/certs/${NAME}`, { method: 'PUT', body: second.pairPem });
    const { fingerprint_sha256: fingerprint } = JSON.parse(put.body) as Record<string, string>;
    const { stdout } = await nginx.exec(['find', STORE, '-name', `${fingerprint}.*`, '-type', 'f']);
    expect(stdout).toContain(`${fingerprint}.`);
    expect((await client('/metrics')).body).toMatch(/^cert_rotation_store_failures_total 0$/m);
    await client(`/certs/${NAME}`, { method: 'DELETE' });
    expect(await serial()).toBe(first.serial);
  });

  test('says itself that a body is too large, and keeps no body in a file', async () => {
    const body = second.pairPem.padEnd(1.5 * 2 ** 20);
    const { status, headers } = await client(`/certs/${NAME}`, { method: 'PUT', body });
    expect([status, headers['content-type']]).toEqual([413, 'application/problem+json']);
    expect(nginx.log()).not.toContain('temporary file');
  });

  test('passes on to the handlers nothing that comes to the public port', async () => {
    const tls = { servername: NAME, ca: authority.rootPem };
    for (const path of ['/clear', '/metrics', `/certs/${NAME}`]) {
      const { body } = await send(nginx.address(PORT), path, { tls });
      expect(body).toMatch(PUBLIC_ANSWER);
    }
  });
});

test.each(remote)('$file refuses strangers', async ({ client, strangers }) => {
  const counts = async (): Promise<string> =>
    (await client('/metrics')).body.replace(/^.*zone_free.*$/gm, '');
  const before = await counts();
  for (const [who, stranger, expected] of strangers) {
    for (const path of ['/clear', '/metrics', '/certs/', `/certs/${NAME}`]) {
      expect((await stranger(path)).status, `${who} ${path}`).toBe(expected);
    }
    const { status } = await stranger(`/certs/${NAME}`, { method: 'DELETE' });
    expect(status, who).toBe(expected);
  }
  expect(await counts()).toBe(before);
});

test('ecdsa_and_rsa.conf serves each client the kind it takes', async () => {
  const serialFor = async (client: Partial<ClientOptions>): Promise<string> =>
    (await handshake({ ...twoKinds.address(PORT), servername: NAME, ...client })).serial;
  const old = { maxVersion: 'TLSv1.2', ciphers: 'aRSA' } as const;
  await expect(serialFor(old)).rejects.toThrow();
  const pair = await authority.issue({ names: [NAME], keyType: 'rsa' });
  await writePair(twoKinds.certsDirectory, `${NAME}.rsa`, pair);
  await twoKinds.admin('/clear');
  expect(await serialFor(old)).toBe(pair.serial);
  expect(await serialFor({})).toBe(first.serial);

  const next = await authority.issue({ names: [NAME], keyType: 'rsa' });
  await twoKinds.admin(`/certs/${NAME}`, { method: 'PUT', body: next.pairPem });
  expect(await serialFor(old)).toBe(next.serial);
  expect(await serialFor({})).toBe(first.serial);
});

test.each(['/clear', `/clear?name=${NAME}`])('stream.conf: %s is for both', async (path) => {
  const serials = async (): Promise<string[]> => {
    const ports = [PORT, STREAM_PORT].map((port) => stream.address(port));
    const options = { servername: NAME, ca: authority.rootPem };
    return Promise.all(
      ports.map(async (address) => (await handshake({ ...address, ...options })).serial),
    );
  };
  await stream.admin('/clear');
  const [old] = await serials();
  const pair = await authority.issue({ names: [NAME] });
  await writePair(stream.certsDirectory, NAME, pair);
  expect(await serials()).toEqual([old, old]);
  const { status } = await stream.admin(path, { method: 'POST' });
  expect([status, await serials()]).toEqual([200, [pair.serial, pair.serial]]);
  expect(stream.log()).not.toMatch(WARNING);
});

test('upstream.conf shows the newest certificate of client.internal', async () => {
  const tls = { servername: NAME, ca: authority.rootPem };
  for (const clear of ['/clear', `/clear?name=${CLIENT_NAME}`]) {
    const pair = await authority.issue({ names: [CLIENT_NAME] });
    await writePair(upstream.certsDirectory, CLIENT_NAME, pair);
    await upstream.admin(clear);
    const { body } = await send(upstream.address(PORT), '/', { tls });
    expect(body).toBe(`Asked by CN=${CLIENT_NAME}, serial ${pair.serial}.\n`);
  }
  expect(upstream.log()).not.toMatch(WARNING);
});

test('scan.conf serves the names of a certificate, whatever its file is called', async () => {
  const pair = await authority.issue({ names: ['a.example', '*.w.example'] });
  await writePair(scanning.certsDirectory, 'anything', pair);
  await scanning.admin('/clear');
  for (const servername of ['a.example', 'x.w.example']) {
    const options = { ...scanning.address(PORT), servername, ca: authority.rootPem };
    expect((await handshake(options)).serial).toBe(pair.serial);
  }
});

test('the hook of the README makes the next pair be served', async () => {
  const options = { ...unixSocket.address(PORT), servername: NAME, ca: authority.rootPem };
  await writePair(unixSocket.certsDirectory, NAME, second);
  const hook = await curl([
    ...['--fail', '--silent', '--show-error', '--unix-socket', unixSocket.adminSocket],
    'http://localhost/clear',
  ]);
  expect(hook).toMatchObject({ code: 0, stdout: '{"cleared":"all"}\n' });
  expect((await handshake(options)).serial).toBe(second.serial);
});

test('openssl s_client sees it', async () => {
  const { stdout } = await opensslClient(unixSocket.address(PORT), ['-servername', NAME]);
  expect(stdout).toMatch(/subject=CN ?= ?www\.example\.com\n/);
});
