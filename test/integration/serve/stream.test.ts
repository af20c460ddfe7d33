import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { currentRuntime } from '../../setup/runtimes.js';
import { createAuthority, replaceFile, writePair } from '../../support/certificates.js';
import { STORE, type Address } from '../../support/nginx.js';
import { curl, opensslClient } from '../../support/tls_client.js';
import { errorsOf, expectNoKey } from '../../support/log.js';
import { startSite, type Site } from '../../support/site.js';

// What holds in `http` and in `stream` alike is in lookup.test.ts and zone.test.ts, too.

const NAME = 'a.example';
const OTHER = 'b.example';
const WORKERS = 3;
const PATIENCE_MS = 15_000;

/** The serial number that a handshake is served, and what the server says: a text until it closes. */
async function visit(
  address: Address,
  servername: string,
): Promise<{ serial: string; said: string }> {
  const socket = connectTls({ ...address, servername, rejectUnauthorized: false });
  socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error('no answer')));
  await once(socket, 'secureConnect');
  const serial = socket.getPeerX509Certificate()?.serialNumber ?? '';
  return { serial, said: await text(socket) };
}

/** The serial numbers of handshakes with all workers, once each. */
async function serialsOfAll(site: Site, servername: string): Promise<string[]> {
  const serials = new Set<string>();
  const workers = new Set<string>();
  for (let i = 0; i < 300 && workers.size < WORKERS; i++) {
    const { serial, said } = await visit(site.nginx.tls, servername);
    serials.add(serial);
    workers.add(said);
  }
  expect(workers.size).toBe(WORKERS);
  return [...serials];
}

describe.each(['one', 'two'] as const)('rotation in stream, %s variables', async (variables) => {
  const site = await startSite({
    block: 'stream',
    names: [NAME, OTHER],
    variables,
    workers: WORKERS,
    settings: { check_interval: '0' },
  });

  test('after a clear every worker serves the new pair', async () => {
    const processes = await site.nginx.processes();
    for (let round = 0; round < 3; round++) {
      expect(await serialsOfAll(site, NAME)).toEqual([site.serials[NAME]]);
      const old = site.serials[NAME];
      await site.renew(NAME);
      expect(await site.serial(NAME)).toBe(old);
      expect(await site.clear()).toEqual({ cleared: 'all' });
      expect(await serialsOfAll(site, NAME)).toEqual([site.serials[NAME]]);
    }
    expect(await site.nginx.processes()).toEqual(processes);
  });

  test('a clear of one name leaves the others as they are', async () => {
    const old = site.serials[OTHER];
    expect(await site.serial(OTHER)).toBe(old);
    await site.renew(NAME);
    await site.renew(OTHER);
    await site.clear('A.example.');
    expect(await site.serial(NAME)).toBe(site.serials[NAME]);
    expect(await site.serial(OTHER)).toBe(old);
    await site.clear(OTHER);
    expect(await site.serial(OTHER)).toBe(site.serials[OTHER]);
  });

  test('files that are refused leave the last good pair, and are logged once', async () => {
    const good = await site.renew(NAME);
    await site.clear();
    expect(await site.serial(NAME)).toBe(good.serial);
    const other = await site.authority.issue({ names: [NAME] });
    const logged = site.nginx.log().length;
    await replaceFile(join(site.nginx.certsDirectory, `${NAME}.key.pem`), other.keyPem);
    await site.clear();
    for (let i = 0; i < 5; i++) expect(await site.serial(NAME)).toBe(good.serial);
    expect(errorsOf(site, logged)).toEqual([
      expect.stringContaining(`cert_rotation: ${NAME}: key-mismatch`),
    ]);
    expectNoKey(site, [good, other]);
    await site.renew(NAME);
    await site.clear();
    expect(await site.serial(NAME)).toBe(site.serials[NAME]);
  });

  test('a worker that is killed loses nothing', async () => {
    const old = await site.serial(NAME);
    const { workers } = await site.nginx.processes();
    await site.nginx.kill('SIGKILL', workers[0]!);
    expect(await serialsOfAll(site, NAME)).toEqual([old]);
    await site.renew(NAME);
    await site.clear();
    expect(await serialsOfAll(site, NAME)).toEqual([site.serials[NAME]]);
  });
});

describe('names and kinds in stream', async () => {
  const site = await startSite({
    block: 'stream',
    names: ['*.w.example', NAME],
    rsaSlot: 'last',
    settings: { check_interval: '1' },
    zones:
      'js_shared_dict_zone zone=certs_stream:1m; js_shared_dict_zone zone=certs_stream_misses:64k timeout=60s evict;',
  });

  test('new files are served without a clear, after the interval', async () => {
    expect(await site.serial(NAME)).toBe(site.serials[NAME]);
    const { serial } = await site.renew(NAME);
    await expect.poll(() => site.serial(NAME), { timeout: PATIENCE_MS }).toBe(serial);
  });

  test('a clear forgets that a name has no files', async () => {
    expect(await site.serial('x.w.example')).toBe(site.serials['*.w.example']);
    await site.renew('x.w.example');
    await site.clear('x.w.example');
    expect(await site.serial('x.w.example')).toBe(site.serials['x.w.example']);
  });

  test('each client is served the kind it takes', async () => {
    const pair = await site.authority.issue({ names: [NAME], keyType: 'rsa' });
    await writePair(site.nginx.certsDirectory, `${NAME}.rsa`, pair);
    await site.clear();
    const old = { maxVersion: 'TLSv1.2', ciphers: 'aRSA' } as const;
    expect(await site.serial(NAME, old)).toBe(pair.serial);
    expect(await site.serial(NAME)).toBe(site.serials[NAME]);
  });

  test.each(['../certs/a.example', '*rsa:a.example', '#clear', 'a..example', 'x'.repeat(250)])(
    'the server name %j is none',
    async (name) => {
      const { stdout } = await opensslClient(site.nginx.tls, ['-servername', name]);
      expect(stdout).toContain('no peer certificate available');
    },
  );
});

describe('the clear handler of stream', async () => {
  const site = await startSite({
    block: 'stream',
    names: [NAME],
    settings: { check_interval: '0' },
    http: `server {
      listen unix:/run/nginx/unheard.sock;
      location = /clear { auth_request /clear-stream; js_content certs.clear_cache; }
      location = /clear-stream { internal; proxy_pass http://unix:/run/nginx/nobody.sock; }
    }`,
    stream: `server {
      listen 8444;
      js_preread certs.clear_stream;
      return "HTTP/1.0 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n";
    }
    server {
      listen unix:/run/nginx/realip.sock proxy_protocol;
      set_real_ip_from unix:;
      js_preread certs.clear_stream;
      return "HTTP/1.0 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n";
    }`,
  });
  const directory = dirname(site.nginx.adminSocket);
  const socketPath = join(directory, 'cert-stream.sock');

  /** What the handler's server answers to some bytes, each sent by itself, until it closes. */
  async function answerTo(pieces: string[], target: { path: string } | Address): Promise<string> {
    const socket: Socket = connectTcp(target);
    socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error('no answer')));
    let answer = '';
    socket.on('data', (data) => (answer += data.toString()));
    // nginx has not taken what was sent from the socket, and closing resets the connection.
    socket.on('error', () => undefined);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    for (const piece of pieces) {
      if (!socket.closed) socket.write(piece);
      await sleep(20);
    }
    await closed;
    return answer;
  }

  const head = (line: string, ...headers: string[]): string =>
    [line, 'Host: localhost', ...headers, '', ''].join('\r\n');

  /** Whether the pair that is on disk is served now, and was not before. */
  async function isCleared(work: () => Promise<unknown>): Promise<boolean> {
    await site.clear();
    const old = await site.serial(NAME);
    const { serial } = await site.renew(NAME);
    await work();
    const now = await site.serial(NAME);
    expect([old, serial]).toContain(now);
    return now === serial;
  }

  test('answers curl by itself', async () => {
    const answers: unknown[] = [];
    const clears = async (path: string): Promise<boolean> =>
      isCleared(async () => {
        const args = ['--fail', '--unix-socket', socketPath, `http://localhost${path}`];
        answers.push((await curl(args)).code);
      });
    expect(await clears('/clear')).toBe(true);
    expect(await clears(`/clear?name=${NAME}`)).toBe(true);
    expect(await clears('/clear?name=%61.example')).toBe(true);
    expect(await clears('/clear?name=other.example')).toBe(false);
    expect(answers).toEqual([0, 0, 0, 0]);
  });

  test('waits for the whole request', async () => {
    const request = head(`POST /clear?name=${NAME} HTTP/1.1`);
    let answer = '';
    const cleared = await isCleared(async () => {
      answer = await answerTo([...request.match(/[^]{1,12}/g)!], { path: socketPath });
    });
    expect([cleared, answer]).toEqual([true, 'HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n']);
  });

  const GET = 'GET /clear HTTP/1.1';
  test.each<[string, string, string, string[]]>([
    ['a page', 'forbidden', head(GET, 'Origin: https://evil.example'), []],
    ['an image in a page', 'forbidden', head(GET, 'Sec-Fetch-Site: cross-site'), []],
    ['a browser', 'forbidden', head(GET, 'user-agent:Mozilla/5.0'), []],
    ['another method', 'malformed', head('DELETE /clear HTTP/1.1'), []],
    ['no HTTP', 'malformed', '\x16\x03\x01\r\n\r\n', []],
    ['a name that is none', 'malformed', head('GET /clear?name=.. HTTP/1.1'), []],
    ['no name', 'malformed', head('GET /clear?name HTTP/1.1'), []],
    ['two names', 'malformed', head(`GET /clear?name=${NAME}&name=b HTTP/1.1`), []],
    ['half a character', 'malformed', head('GET /clear?name=%e2 HTTP/1.1'), []],
  ])('refuses %s: nothing is cleared', async (_, code, request) => {
    const logged = site.nginx.log().length;
    const cleared = await isCleared(async () => {
      expect(await answerTo([request], { path: socketPath })).toBe('');
    });
    expect(cleared).toBe(false);
    expect(errorsOf(site, logged)).toEqual([
      expect.stringContaining(`cert_rotation: /clear: ${code}: `),
    ]);
  });

  test.each<[string, () => { path: string } | Address, string]>([
    ['from elsewhere', () => site.nginx.address(8444), head(GET)],
    [
      'that a proxy passes on',
      () => ({ path: join(directory, 'realip.sock') }),
      `PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n${head(GET)}`,
    ],
  ])('refuses a client %s', async (_, target, request) => {
    const logged = site.nginx.log().length;
    const cleared = await isCleared(async () => {
      expect(await answerTo([request], target())).toBe('');
    });
    expect(cleared).toBe(false);
    expect(errorsOf(site, logged)).toEqual([expect.stringContaining('/clear: forbidden: ')]);
  });

  test('one that is not there fails the request for both', async () => {
    const unheard = join(directory, 'unheard.sock');
    const args = ['--fail', '--unix-socket', unheard, 'http://localhost/clear'];
    const { code, stderr } = await curl(args);
    expect([code, stderr]).toEqual([22, expect.stringContaining('500')]);
    const before = await site.nginx.admin('/metrics');
    await curl(args);
    const after = await site.nginx.admin('/metrics');
    const clears = (body: string): string[] => body.match(/^cert_rotation_clears_total.*$/gm) ?? [];
    expect(clears(after.body)).toEqual(clears(before.body));
  });
});

describe('a put, and a stream block that shares the store', async () => {
  const site = await startSite({
    block: 'stream',
    names: [NAME],
    store: true,
    settings: { check_interval: '1' },
    http: `js_var $cert_store ${STORE};`,
  });

  test('is served there within the check interval, without a clear', async () => {
    expect(await site.serial(NAME)).toBe(site.serials[NAME]);
    const { pairPem, serial } = await site.authority.issue({ names: [NAME] });
    const put = await site.nginx.admin(`/certs/${NAME}`, { method: 'PUT', body: pairPem });
    expect(put.status).toBe(200);
    await expect.poll(() => site.serial(NAME), { timeout: 3000 }).toBe(serial);
    expect(await site.nginx.admin(`/certs/${NAME}`, { method: 'DELETE' })).toMatchObject({
      status: 200,
    });
    // Its files are there, and read again.
    await expect.poll(() => site.serial(NAME), { timeout: 3000 }).toBe(site.serials[NAME]);
  });
});

describe('a client certificate towards an upstream, in stream', async () => {
  const authority = await createAuthority();
  const cache = currentRuntime().certificateCache ? 'proxy_ssl_certificate_cache max=100;' : '';
  const site = await startSite({
    authority,
    files: { 'root.pem': authority.rootPem },
    block: 'stream',
    names: [NAME, 'client.internal', 'backend.internal'],
    settings: { check_interval: '0' },
    stream: `
    # One session has both handshakes: that with the client comes before there is an upstream.
    map $upstream_addr $cert_name { volatile; "" ""; default client.internal; }
    js_set $client_pair certs.js_pair;
    js_set $backend_pair certs.js_pair;
    server {
      listen 8444 ssl;
      ssl_certificate data:$tls_pair;
      ssl_certificate_key data:$tls_pair;
      proxy_pass unix:/run/nginx/backend.sock;
      proxy_ssl on;
      proxy_ssl_certificate data:$client_pair;
      proxy_ssl_certificate_key data:$client_pair;
      proxy_ssl_session_reuse off;
      proxy_ssl_server_name on;
      proxy_ssl_name backend.internal;
      ${cache}
    }
    server {
      listen unix:/run/nginx/backend.sock ssl;
      ssl_certificate data:$backend_pair;
      ssl_certificate_key data:$backend_pair;
      ssl_client_certificate /etc/nginx/certs/root.pem;
      ssl_verify_client on;
      ssl_verify_depth 2;
      return $ssl_client_serial;
    }`,
  });

  test('is that of $cert_name, and the newest after a clear', async () => {
    for (let round = 0; round < 3; round++) {
      const { serial, said } = await visit(site.nginx.address(8444), NAME);
      expect([serial, said]).toEqual([site.serials[NAME], site.serials['client.internal']]);
      await site.renew('client.internal');
      await site.clear();
    }
    expect(site.nginx.log()).not.toMatch(/\[(warn|error|crit|alert|emerg)\]/);
  });
});
