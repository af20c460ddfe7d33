import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { SecureVersion } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { replaceFile, writePair, type Pair } from '../../support/certificates.js';
import { handshake, openConnection, type ClientOptions } from '../../support/tls_client.js';
import { startTools, type Tools } from '../../support/tools.js';
import { startClients } from '../../support/image_clients.js';
import { admin, curlSteps, fromPort, serialIn, to } from '../../support/http3.js';
import { errorsOf } from '../../support/log.js';
import { startSite, type Site, type SiteOptions } from '../../support/site.js';

// A rotation under each protocol in which nginx terminates TLS.

const NAME = 'a.example';

const PROTOCOLS: { protocol: string; version: SecureVersion; http2: boolean }[] = [
  { protocol: 'HTTP/1.1', version: 'TLSv1.2', http2: false },
  { protocol: 'HTTP/1.1', version: 'TLSv1.3', http2: false },
  { protocol: 'HTTP/2.0', version: 'TLSv1.2', http2: true },
  { protocol: 'HTTP/2.0', version: 'TLSv1.3', http2: true },
];

async function start(options: SiteOptions = {}): Promise<Site> {
  return startSite({
    names: [NAME],
    settings: { check_interval: '0' },
    http: 'http2 on;',
    server: 'listen 8443 quic reuseport; return 200 $server_protocol;',
    ...options,
  });
}

function clientOf(site: Site, { version, http2 }: (typeof PROTOCOLS)[number]): ClientOptions {
  const versions = { minVersion: version, maxVersion: version };
  return { ...site.nginx.tls, servername: NAME, ...versions, http2 };
}

type Rotate = (site: Site, pair: Pair) => Promise<void>;

const byFiles: Rotate = async (site, pair) => {
  await writePair(site.nginx.certsDirectory, NAME, pair);
  await site.clear();
};

const byPut: Rotate = async (site, { pairPem: body }) => {
  const { status } = await site.nginx.admin(`/certs/${NAME}`, { method: 'PUT', body });
  if (status !== 200) throw new Error(`PUT: ${status}`);
};

describe('a rotation', async () => {
  const site = await start();
  const tools = await startTools(site.nginx);

  describe.each([
    ['files and a clear', byFiles],
    ['a put', byPut],
  ])('by %s', (_, rotate) => {
    test.each(PROTOCOLS)('$protocol over $version', async (one) => {
      const client = clientOf(site, one);
      const answer = { status: 200, body: one.protocol };
      const open = await openConnection(client);
      expect(open).toMatchObject({ protocol: one.version, serial: await site.serial(NAME) });
      expect(await open.get('/')).toEqual(answer);

      const pair = await site.authority.issue({ names: [NAME] });
      await rotate(site, pair);
      expect(await open.get('/')).toEqual(answer);
      const next = await openConnection(client);
      expect(next).toMatchObject({ protocol: one.version, serial: pair.serial });
      expect(await next.get('/')).toEqual(answer);
      await open.close();
      await next.close();
    });
  });

  test.skipIf(tools.areMissing)('HTTP/3, by files and a clear, and by a put', async () => {
    const old = await site.serial(NAME);
    const onDisk = await site.renew(NAME);
    const put = await site.authority.issue({ names: [NAME] });
    const afresh = (port: number): string[] => to(NAME, ['--no-sessionid', ...fromPort(port)]);
    const [before, clear, open, cleared, putting, stillOpen, replaced] = await curlSteps(tools, [
      to(NAME),
      admin('/clear'),
      to(NAME),
      afresh(20_001),
      admin(`/certs/${NAME}`, ['--request', 'PUT', '--data-binary', put.pairPem]),
      to(NAME),
      afresh(20_002),
    ]);
    const answer = { version: '3', status: 200, body: 'HTTP/3.0' };
    expect(before).toMatchObject({ ...answer, connections: 1, serial: old });
    expect(clear).toMatchObject({ status: 200 });
    expect(open).toMatchObject({ ...answer, connections: 0 });
    expect(cleared).toMatchObject({ ...answer, connections: 1, serial: onDisk.serial });
    expect(putting).toMatchObject({ status: 200 });
    expect(stillOpen).toMatchObject({ ...answer, connections: 0 });
    expect(replaced).toMatchObject({ ...answer, connections: 1, serial: put.serial });
  });
});

const ROTATIONS = 12;
/** How long the clients may take to make a handshake each after a rotation, in milliseconds. */
const PATIENCE_MS = 20_000;

/** Makes handshakes while a file is there. Writes down what was acknowledged before each, and what it was served. */
const HTTP3_LOOP = `
  while [ -e /run/nginx/going ]; do
    since=$(cat /run/nginx/acknowledged)
    served=$(curl "$@" 2>&1 | grep --max-count=1 -e '^Serial Number:' -e '^curl:')
    echo "$since $served" >>/run/nginx/http3.log
  done`;

interface Http3Client {
  /** Says how many rotations are over. */
  acknowledge: (rotation: number) => Promise<void>;
  /** How many were when the last handshake began; -1: there was none yet. */
  seen: () => number;
  /** Ends it and returns its handshakes: how many rotations were over before each, and what it was served. */
  stop: () => Promise<{ since: number; serial: string }[]>;
}

async function startHttp3Client(site: Site, tools: Tools): Promise<Http3Client> {
  const run = dirname(site.nginx.adminSocket);
  const acknowledge = (rotation: number): Promise<void> =>
    replaceFile(join(run, 'acknowledged'), String(rotation));
  const log = join(run, 'http3.log');
  const going = join(run, 'going');
  await acknowledge(0);
  writeFileSync(log, '');
  writeFileSync(going, '');
  const stop = (): void => {
    rmSync(going, { force: true });
  };
  onTestFinished(stop);
  const options = ['--silent', '--show-error', '--fail', '--write-out', '%{certs}'];
  const loop = tools.run(['sh', '-c', HTTP3_LOOP, 'sh', ...options, ...to(NAME)], 60_000);
  const handshakes = (): { since: number; serial: string }[] => {
    const lines = readFileSync(log, 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => {
      const [since, served = ''] = line.split(/ (.*)/);
      return { since: Number(since), serial: serialIn(served) || served };
    });
  };
  return {
    acknowledge,
    seen: () => handshakes().at(-1)?.since ?? -1,
    stop: async () => {
      stop();
      expect(await loop).toMatchObject({ code: 0, stderr: '' });
      return handshakes();
    },
  };
}

describe('while one rotation follows the other', async () => {
  const site = await start({ variables: 'two' });
  const tools = await startTools(site.nginx);

  test('no protocol loses a handshake, or serves what was replaced before', async () => {
    const serials = [await site.serial(NAME)];
    let acknowledged = 0;
    /** By client: what was acknowledged when its last handshake began. */
    const seen = PROTOCOLS.map(() => -1);
    const numbers = PROTOCOLS.keys();
    const clients = startClients(PROTOCOLS.length, () => {
      const number = numbers.next().value ?? 0;
      const client = clientOf(site, PROTOCOLS[number]!);
      return async () => {
        const since = acknowledged;
        const { serial } = await handshake(client);
        expect(serials.slice(since)).toContain(serial);
        seen[number] = since;
      };
    });
    const http3 = tools.areMissing ? undefined : await startHttp3Client(site, tools);
    const areServed = (rotation: number): boolean =>
      [...seen, http3?.seen() ?? rotation].every((since) => since >= rotation);

    for (let rotation = 1; rotation <= ROTATIONS; rotation++) {
      const pair = await site.authority.issue({ names: [NAME] });
      serials.push(pair.serial);
      await (rotation % 2 ? byFiles : byPut)(site, pair);
      acknowledged = rotation;
      await http3?.acknowledge(rotation);
      const end = Date.now() + PATIENCE_MS;
      while (!areServed(rotation)) {
        if (Date.now() > end) {
          // What ended a client, if one has ended.
          await clients.stop();
          throw new Error(
            `Rotation ${rotation} was seen by some only: ${seen.join()}, ${http3?.seen()}`,
          );
        }
        await sleep(20);
      }
    }
    await clients.stop();
    const handshakes = (await http3?.stop()) ?? [];
    for (const { since, serial } of handshakes) expect(serials.slice(since)).toContain(serial);
    expect(errorsOf(site)).toEqual([]);
  });
});
