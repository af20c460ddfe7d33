import { constants } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSecureContext } from 'node:tls';
import { afterAll, describe, expect, test } from 'vitest';
import {
  handshake,
  openConnection,
  opensslClient,
  type ClientOptions,
} from '../../support/tls_client.js';
import { startTools } from '../../support/tools.js';
import { admin, curlSteps, fromPort, to } from '../../support/http3.js';
import { startSite, type Site, type SiteOptions } from '../../support/site.js';

// A session that is resumed sends no certificate: what a rotation is to those who have one.

const NAME = 'a.example';
const GONE = 'gone.example';

const KINDS = [
  { kind: 'a ticket of TLS 1.3', version: 'TLSv1.3' },
  { kind: 'a ticket of TLS 1.2', version: 'TLSv1.2' },
  { kind: 'a session id of TLS 1.2', version: 'TLSv1.2', options: constants.SSL_OP_NO_TICKET },
] as const;
type Kind = (typeof KINDS)[number];

async function start(options: SiteOptions = {}): Promise<Site> {
  return startSite({
    names: [NAME, GONE],
    settings: { check_interval: '0' },
    http: 'ssl_session_cache shared:first:1m; ssl_early_data on;',
    server: 'listen 8443 quic reuseport; return 200 $ssl_session_reused;',
    ...options,
  });
}

function clientOf(site: Site, { version, ...kind }: Kind, servername = NAME): ClientOptions {
  const secureContext = createSecureContext({
    ...{ minVersion: version, maxVersion: version },
    ...('options' in kind ? { secureOptions: kind.options } : {}),
  });
  return { ...site.nginx.tls, servername, secureContext };
}

async function sessionOf(client: ClientOptions): Promise<Buffer> {
  const connection = await openConnection(client);
  expect(connection.reused).toBe(false);
  await connection.get('/');
  const session = await connection.session();
  await connection.close();
  return session;
}

const TIMEOUT_S = 4;

const resumed = { reused: true };

describe('a session', async () => {
  const site = await start();

  test.each(KINDS)('$kind outlives a rotation; a full handshake does not', async (kind) => {
    const client = clientOf(site, kind);
    const session = await sessionOf(client);
    await site.renew(NAME);
    await site.clear();
    const connection = await openConnection({ ...client, session });
    expect(connection).toMatchObject(resumed);
    expect(await connection.get('/')).toMatchObject({ status: 200, body: 'r' });
    await connection.close();
    const full = { reused: false, serial: site.serials[NAME] };
    expect(await handshake(client)).toMatchObject(full);
  });

  test.each(KINDS)('$kind outlives its certificate', async (kind) => {
    const client = clientOf(site, kind, GONE);
    await site.renew(GONE);
    const session = await sessionOf(client);
    site.remove(GONE);
    await site.clear();
    await expect(handshake(client)).rejects.toThrow();
    expect(await handshake({ ...client, session })).toMatchObject(resumed);
  });
});

describe('early data', async () => {
  const site = await start();
  const tools = await startTools(site.nginx);
  const directory = mkdtempSync(join(tmpdir(), 'njs-cert-rotation-early-'));
  afterAll(() => {
    rmSync(directory, { recursive: true });
  });

  test('is taken after a rotation, on a session from before it', async () => {
    const sessionFile = join(directory, 'session');
    const requestFile = join(directory, 'request');
    const session = await sessionOf(clientOf(site, KINDS[0]));
    // What `openssl sess_id` reads and writes.
    const label = 'SSL SESSION PARAMETERS-----\n';
    const base64 = session.toString('base64').replace(/.{64}(?=.)/g, '$&\n');
    writeFileSync(sessionFile, `-----BEGIN ${label}${base64}\n-----END ${label}`);
    writeFileSync(requestFile, `GET / HTTP/1.1\r\nHost: ${NAME}\r\nConnection: close\r\n\r\n`);
    await site.renew(NAME);
    await site.clear();
    const early = ['-sess_in', sessionFile, '-early_data', requestFile, '-ign_eof'];
    const { stdout } = await opensslClient(site.nginx.tls, ['-servername', NAME, ...early]);
    expect(stdout).toContain('Early data was accepted');
    expect(stdout).toContain('\r\n\r\nr');
    expect(await site.serial(NAME)).toBe(site.serials[NAME]);
  });

  test.skipIf(tools.areMissing)('is taken the same way over QUIC', async () => {
    const old = await site.serial(NAME);
    await site.renew(NAME);
    const [first, , again, full] = await curlSteps(tools, [
      to(NAME, ['--tls-earlydata']),
      admin('/clear'),
      to(NAME, ['--tls-earlydata', ...fromPort(20_001)]),
      to(NAME, ['--no-sessionid', ...fromPort(20_002)]),
    ]);
    expect(first).toMatchObject({ body: '.', serial: old });
    // nginx takes early data over QUIC from 1.29.1 on, and no client sends any that it is not told to.
    const { stderr: version } = await site.nginx.exec(['nginx', '-v']);
    const isTaken = !version.includes('nginx/1.26.');
    expect(again).toMatchObject({ body: 'r', connections: 1, serial: '' });
    expect((again?.earlyBytes ?? 0) > 0).toBe(isTaken);
    expect(full).toMatchObject({ body: '.', serial: site.serials[NAME] });
  });
});

describe('what ends a session', async () => {
  const shared = await start();
  const alone = await start({ http: '' });
  const none = await start({ http: 'ssl_session_tickets off; ssl_session_cache off;' });

  async function reloadWith(site: Site, from: string, into: string): Promise<void> {
    const file = join(dirname(site.nginx.certsDirectory), 'nginx.conf');
    writeFileSync(file, readFileSync(file, 'utf8').replace(from, into));
    await site.nginx.reload();
  }

  test('with a shared cache: another name of it and a reload, and no reload alone', async () => {
    const sessions = await Promise.all(KINDS.map((kind) => sessionOf(clientOf(shared, kind))));
    const resume = () =>
      Promise.all(
        KINDS.map((kind, i) => handshake({ ...clientOf(shared, kind), session: sessions[i]! })),
      );
    await shared.nginx.reload();
    expect(await resume()).toMatchObject(KINDS.map(() => resumed));
    await reloadWith(shared, 'shared:first:', 'shared:second:');
    const full = { reused: false, serial: shared.serials[NAME] };
    expect(await resume()).toMatchObject(KINDS.map(() => full));
  });

  test.each(KINDS.slice(0, 2))('without a shared cache: a reload, for $kind', async (kind) => {
    const client = clientOf(alone, kind);
    const session = await sessionOf(client);
    expect(await handshake({ ...client, session })).toMatchObject(resumed);
    await alone.nginx.reload();
    expect(await handshake({ ...client, session })).toMatchObject({ reused: false });
  });

  test('the timeout, counted from the full handshake, however often it was resumed since', async () => {
    const site = await start({ http: `ssl_session_timeout ${TIMEOUT_S}s;` });
    const ends = KINDS.slice(0, 2).map(async (kind) => {
      const client = clientOf(site, kind);
      const begin = Date.now();
      const session = await sessionOf(client);
      await sleep((TIMEOUT_S * 1000) / 2);
      const again = await openConnection({ ...client, session });
      // On a machine that halted for a while it is over by now.
      const isInTime = Date.now() - begin < (TIMEOUT_S - 1) * 1000;
      if (isInTime) expect(again.reused).toBe(true);
      await again.get('/');
      // TLS 1.2 has no ticket to give to a session that is resumed.
      const next = kind.version === 'TLSv1.3' ? await again.session() : session;
      await again.close();
      if (!again.reused) return;
      await sleep(begin + (TIMEOUT_S + 1) * 1000 - Date.now());
      expect(await handshake({ ...client, session: next })).toMatchObject({ reused: false });
    });
    await Promise.all(ends);
  });

  test.each(KINDS)('with neither tickets nor a cache there is none: $kind', async (kind) => {
    const client = clientOf(none, kind);
    const first = await openConnection(client);
    await first.get('/');
    // Not every client is offered one that it may keep.
    const offered = first.session().catch(() => undefined);
    await first.close();
    const session = await offered;
    const again = await handshake(session ? { ...client, session } : client);
    expect(again.reused).toBe(false);
  });
});
