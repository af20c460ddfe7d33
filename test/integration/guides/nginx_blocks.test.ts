import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { currentRuntime } from '../../setup/runtimes.js';
import { createAuthority, writePair } from '../../support/certificates.js';
import { composedConf, usesStream } from '../../support/composed_conf.js';
import { startContainer } from '../../support/container.js';
import { blocksIn, ROOT, type Block } from '../../support/documents.js';
import { send } from '../../support/http.js';
import { makeWorkDirectory } from '../../support/nginx.js';
import { handshake } from '../../support/tls_client.js';

// Every configuration that a document shows is started; it serves a pair, and a clear makes it serve the next one.

const NAME = 'www.example.com';
const WARNING = /\[(warn|error|crit|alert|emerg)\]/;
const TLS_PORT = 443;
const STREAM_PORT = 8883;

const runtime = currentRuntime();
const authority = await createAuthority();
const directory = makeWorkDirectory();
const certs = join(directory, 'certs');
const run = join(directory, 'run');
const configs = join(directory, 'configs');
mkdirSync(configs);
writeFileSync(join(configs, 'ca.pem'), authority.rootPem);

const container = await startContainer(
  runtime.image,
  [
    ...[TLS_PORT, STREAM_PORT].flatMap((port) => ['--publish', `127.0.0.1::${port}`]),
    ...Object.entries({
      '/etc/nginx/certs': certs,
      '/run/nginx': run,
      '/configs': configs,
      '/etc/nginx/njs': join(ROOT, 'dist'),
      '/etc/nginx/layouts': join(ROOT, 'nginx/layouts'),
      '/etc/nginx/internal_ca.pem': join(configs, 'ca.pem'),
      '/etc/nginx/client_ca.pem': join(configs, 'ca.pem'),
    }).flatMap(([target, source]) => ['--volume', `${source}:${target}`]),
  ],
  ['sleep', 'infinity'],
);
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

/** Runs nginx with a configuration while some work is done; nothing is logged as a warning. */
async function withNginx(path: string, work: () => Promise<void>): Promise<void> {
  const log = `/run/nginx/${path.replaceAll('/', '-')}.log`;
  const start = `nginx -c ${path} -e ${log} -g 'error_log ${log} notice;'`;
  const { code, stderr } = await container.exec(['sh', '-c', start]);
  const logged = (): string =>
    readFileSync(join(directory, log.replace('/run/nginx', 'run')), 'utf8');
  expect(code, stderr + logged()).toBe(0);
  try {
    await work();
    expect(logged()).not.toMatch(WARNING);
  } finally {
    const end = 'nginx -c $0 -s stop; while [ -e /run/nginx/nginx.pid ]; do sleep 0.05; done';
    await container.exec(['sh', '-c', end, path]);
  }
}

async function put(name: string): Promise<{ status: number; serial: string }> {
  const pair = await authority.issue({ names: [name] });
  const socket = { socketPath: join(run, 'cert-admin.sock') };
  const { status } = await send(socket, `/certs/${name}`, { method: 'PUT', body: pair.pairPem });
  return { status, serial: pair.serial };
}

async function clear(): Promise<void> {
  const { status, body } = await send({ socketPath: join(run, 'cert-admin.sock') }, '/clear');
  expect([status, body]).toEqual([200, '{"cleared":"all"}\n']);
}

test('there are configurations', () => {
  expect(groups.length).toBeGreaterThan(5);
});

describe.each(groups)('$title', ({ blocks, conf }) => {
  const taken = blocks.filter(isTaken);
  const text = composedConf(runtime, taken);
  writeFileSync(join(configs, conf.replace('/configs/', '')), text);

  test('is taken by nginx, and serves what is put, and the files after a clear', async () => {
    const files = await authority.issue({ names: [NAME] });
    await writePair(certs, NAME, files);
    await withNginx(conf, async () => {
      await clear();
      const { status, serial } = await put(NAME);
      expect([200, 201]).toContain(status);
      expect((await handshake(tls)).serial).toBe(serial);
      const next = await put(NAME);
      expect((await handshake(tls)).serial).toBe(next.serial);
      if (usesStream(taken)) expect((await handshake(stream)).serial).toBe(files.serial);
      await clear();
      await handshake(tls);
    });
  });

  const tooNew = blocks.filter((block) => !isTaken(block));
  test.skipIf(tooNew.length === 0)('is refused by an nginx that is too old for it', async () => {
    writeFileSync(join(configs, 'too_new.conf'), composedConf(runtime, blocks));
    expect(await faultsOf('/configs/too_new.conf')).toMatch(/unknown directive|invalid parameter/);
  });
});
