import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { currentRuntime } from '../../setup/runtimes.js';
import { createAuthority, writePair } from '../../support/certificates.js';
import { composedConf, usesStream } from '../../support/composed_conf.js';
import { startContainer } from '../../support/container.js';
import { blocksIn, ROOT, type Block } from '../../support/documents.js';
import { send } from '../../support/http.js';
import { makeWorkDirectory } from '../../support/nginx.js';
import { handshake } from '../../support/tls_client.js';

// Runs on njs, debian13: what each nginx knows is what is tested, whatever engine it has.

// Every configuration that a document shows is started; it serves a pair, and a clear makes it serve the next one.

const NAME = 'www.example.com';
const WARNING = /\[(warn|error|crit|alert|emerg)\]/;
const TLS_PORT = 443;
const STREAM_PORT = 8883;

/** Where ACME clients and others keep a pair: folder, chain and key. */
const PLACES: [folder: string, chain: string, key: string][] = [
  ['/etc/letsencrypt/live', `${NAME}/fullchain.pem`, `${NAME}/privkey.pem`],
  ['/var/lib/lego/certificates', `${NAME}.crt`, `${NAME}.key`],
  ['/etc/acme.sh', `${NAME}_ecc/fullchain.cer`, `${NAME}_ecc/${NAME}.key`],
  ['/var/lib/dehydrated/certs', `${NAME}/fullchain.pem`, `${NAME}/privkey.pem`],
  ['/etc/nginx/tls', `${NAME}/tls.crt`, `${NAME}/tls.key`],
];

const runtime = currentRuntime();
const authority = await createAuthority();
const directory = makeWorkDirectory();
const certs = join(directory, 'certs');
const run = join(directory, 'run');
const configs = join(directory, 'configs');
const secrets = join(directory, 'secrets');
for (const path of [configs, secrets]) mkdirSync(path);
// Workers write there where a document has them do so.
chmodSync(certs, 0o777);
writeFileSync(join(secrets, 'password'), 'secret');
writeFileSync(join(secrets, 'seal.key'), Buffer.alloc(32, 7));
writeFileSync(join(configs, 'ca.pem'), authority.rootPem);

const container = await startContainer(
  runtime.image,
  [
    ...['--tmpfs', '/run/nginx-stream'],
    ...[TLS_PORT, STREAM_PORT].flatMap((port) => ['--publish', `127.0.0.1::${port}`]),
    ...Object.entries({
      '/etc/nginx/certs': certs,
      '/run/nginx': run,
      '/configs': configs,
      ...Object.fromEntries(PLACES.map(([folder]) => [folder, join(directory, folder)])),
      '/etc/nginx/etcd': secrets,
      '/etc/nginx/njs': join(ROOT, 'dist'),
      '/etc/nginx/layouts': join(ROOT, 'nginx/layouts'),
      '/etc/nginx/internal_ca.pem': join(configs, 'ca.pem'),
      '/etc/nginx/client_ca.pem': join(configs, 'ca.pem'),
    }).flatMap(([target, source]) => ['--volume', `${source}:${target}`]),
  ],
  ['sleep', 'infinity'],
);
// Where documents have nginx write.
await container.exec(['sh', '-c', 'mkdir -m 777 -p /var/lib/nginx/certs']);
const version = versionOf((await container.exec(['sh', '-c', 'nginx -v 2>&1'])).stdout);
const tls = { host: '127.0.0.1', port: await container.port(TLS_PORT), servername: NAME };
const stream = { ...tls, port: await container.port(STREAM_PORT) };

/** As one number that grows with the version in a text. */
function versionOf(text: string): number {
  const [, major, minor, patch] = /(\d+)\.(\d+)\.(\d+)/.exec(text) ?? [];
  return Number(major) * 1e6 + Number(minor) * 1e3 + Number(patch);
}

function isTaken({ words }: Block): boolean {
  const since = words.find((word) => /^\d/.test(word));
  return since === undefined || version >= versionOf(since);
}

/** Blocks under one heading: they are one configuration. */
interface Group {
  title: string;
  blocks: Block[];
  /** Its configuration, as far as this nginx takes it. */
  conf: string;
}

const groups: Group[] = [];
for (const block of blocksIn('nginx')) {
  const title = `${block.page}: ${block.heading}`;
  const group = groups.find((one) => one.title === title);
  if (group) group.blocks.push(block);
  else groups.push({ title, blocks: [block], conf: `/configs/${groups.length}.conf` });
}

/** What nginx says against a configuration; empty: nothing. */
async function faultsOf(path: string): Promise<string> {
  const { code, stdout, stderr } = await container.exec(['nginx', '-t', '-c', path]);
  return code === 0 ? '' : `${stdout}${stderr}`;
}

/** Ends nginx, whose configuration is the first argument, and waits for its end. */
const STOP = `
  nginx -c $0 -s stop
  while grep -qs 'nginx[:] master' /proc/[0-9]*/cmdline; do sleep 0.05; done
  rm -f /run/nginx/*.sock`;

/** Runs nginx with a configuration while some work is done. Resolves to its error log. */
async function withNginx(path: string, work: () => Promise<void>): Promise<string> {
  const log = join(run, `${basename(path)}.log`);
  const start = `nginx -c $0 -e /run/nginx/${basename(log)} -g "error_log /run/nginx/${basename(log)} notice;"`;
  const { code, stderr } = await container.exec(['sh', '-c', start, path]);
  expect(code, stderr).toBe(0);
  try {
    await work();
  } finally {
    await container.exec(['sh', '-c', STOP, path]);
  }
  return readFileSync(log, 'utf8');
}

async function putPair(): Promise<{ status: number; serial: string }> {
  const pair = await authority.issue({ names: [NAME] });
  const socket = { socketPath: join(run, 'cert-admin.sock') };
  const { status } = await send(socket, `/certs/${NAME}`, { method: 'PUT', body: pair.pairPem });
  return { status, serial: pair.serial };
}

async function clear(): Promise<void> {
  const { status, body } = await send({ socketPath: join(run, 'cert-admin.sock') }, '/clear');
  expect([status, body]).toEqual([200, '{"cleared":"all"}\n']);
}

test('there are configurations', () => {
  expect(groups.length).toBeGreaterThan(5);
});

/** Puts a pair of NAME in place, wherever the documents have it. Resolves to its serial number. */
async function writeFiles(): Promise<string> {
  const pair = await authority.issue({ names: [NAME] });
  await writePair(certs, NAME, pair);
  writeFileSync(join(certs, `${NAME}.pem`), pair.pairPem);
  const lego = join(directory, '/var/lib/lego/certificates');
  mkdirSync(lego, { recursive: true });
  writeFileSync(join(lego, `${NAME}.pem`), pair.pairPem);
  for (const [folder, chain, key] of PLACES) {
    for (const [file, text] of [[chain, pair.chainPem] as const, [key, pair.keyPem] as const]) {
      const path = join(directory, folder, file);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    }
  }
  return pair.serial;
}

describe.each(groups)('$title', ({ blocks, conf }) => {
  const taken = blocks.filter(isTaken);
  const text = composedConf(runtime, taken);
  writeFileSync(join(configs, basename(conf)), text);

  /** Nothing answers as etcd here: files are served, and no change is taken. */
  const [http = ''] = text.split('\nstream {');
  const hasEtcd = http.includes('$cert_etcd ');
  const isStatic = /^\s*ssl_certificate +\//m.test(text);
  const serial = async (): Promise<string> => (await handshake(tls)).serial;

  test('is taken by nginx, and serves its files, what is put, and new files after a clear', async () => {
    const first = await writeFiles();
    const log = await withNginx(conf, async () => {
      await clear();
      expect(await serial()).toBe(first);
      if (usesStream(taken)) expect((await handshake(stream)).serial).toBe(first);
      for (let i = 0; i < 2; i++) {
        const put = await putPair();
        expect([hasEtcd ? 503 : 200, 201]).toContain(put.status);
        expect(await serial()).toBe(hasEtcd || isStatic ? first : put.serial);
      }
      const next = await writeFiles();
      await clear();
      expect(await serial()).toBe(isStatic ? first : next);
    });
    expect(text.includes('$cert_etcd ') ? '' : log).not.toMatch(WARNING);
  });

  if (taken.length < blocks.length) {
    test('is refused by an nginx that is too old for it', async () => {
      writeFileSync(join(configs, 'too_new.conf'), composedConf(runtime, blocks));
      expect(await faultsOf('/configs/too_new.conf')).toContain('unknown directive');
    });
  }
});
