import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { currentRuntime } from '../../setup/runtimes.js';
import { createAuthority, writePair } from '../../support/certificates.js';
import { startContainer } from '../../support/container.js';
import { openPage, ROOT } from '../../support/documents.js';
import { send } from '../../support/http.js';
import { makeWorkDirectory, STORE } from '../../support/nginx.js';
import { handshake } from '../../support/tls_client.js';
import { startToolsWith } from '../../support/tools.js';
import { fittedTo, textOf } from '../../support/examples.js';

const page = openPage('docs/streams.md');
const makeFolder = page.takeText('sh', "The directory of stream's socket");
const clearByHand = page.takeText('sh', 'Clears');

const NAME = 'www.example.com';
const STREAM_PORT = 8883;
const FOLDER = '/run/nginx-stream';
const LOG = '/tmp/error.log';

const tools = await startToolsWith([]);

test.skipIf(tools.areMissing)('systemd makes the folder at a boot', async () => {
  const script = `set -e
    ${makeFolder}
    rmdir ${FOLDER}
    systemd-tmpfiles --create /etc/tmpfiles.d/nginx-stream.conf
    stat -c '%a %U %G' ${FOLDER}`;
  const { stdout, stderr } = await tools.run(['sh', '-c', script]);
  expect([stdout, stderr]).toEqual(['710 root www-data\n', '']);
});

describe('nginx/stream.conf, where /run/nginx is for root alone', async () => {
  const runtime = currentRuntime();
  const directory = makeWorkDirectory();
  const [certs, run, configs, sockets] = ['certs', 'run', 'configs', 'sockets'].map((name) =>
    join(directory, name),
  ) as [string, string, string, string];
  for (const folder of [configs, sockets]) mkdirSync(folder);
  chmodSync(run, 0o700);
  const config = fittedTo(runtime, textOf('stream.conf')).replace(/\S+error\.log/, LOG);
  writeFileSync(join(configs, 'nginx.conf'), config);
  writeFileSync(
    join(configs, 'root_only.conf'),
    config.replaceAll(`${FOLDER}/clear.sock`, '/run/nginx/clear.sock'),
  );
  const volumes = Object.entries({
    '/configs': configs,
    '/etc/nginx/certs': certs,
    '/etc/nginx/njs': join(ROOT, 'dist'),
    '/run/nginx': run,
    [FOLDER]: sockets,
  }).flatMap(([target, source]) => ['--volume', `${source}:${target}`]);
  const { exec, port } = await startContainer(
    runtime.image,
    ['--publish', `127.0.0.1::${STREAM_PORT}`, '--tmpfs', `${STORE}:mode=0700,uid=33`, ...volumes],
    ['sleep', 'infinity'],
  );
  const curl = await startToolsWith(['--volume', `${sockets}:${FOLDER}`]);
  const tls = { host: '127.0.0.1', port: await port(STREAM_PORT), servername: NAME };
  const authority = await createAuthority();
  const made = await exec(['sh', '-c', `mkdir -p /etc/tmpfiles.d && ${makeFolder}`]);
  expect(made).toMatchObject({ code: 0, stderr: '' });

  const clear = () => send({ socketPath: join(run, 'cert-admin.sock') }, '/clear');

  /** Runs nginx while something is done. Resolves to what it has logged. */
  async function withNginx(name: string, work: () => Promise<void>): Promise<string> {
    const start = await exec(['nginx', '-c', `/configs/${name}`]);
    expect(start).toMatchObject({ code: 0 });
    await work();
    const end = `nginx -c /configs/${name} -s stop; while [ -e /run/nginx.pid ]; do sleep 0.05; done
      cat ${LOG}; rm ${LOG}`;
    return (await exec(['sh', '-c', end])).stdout;
  }

  /** Replaces the pair, has stream cleared, and expects that it serves the new one. */
  async function expectCleared(clearNow: () => Promise<unknown>): Promise<void> {
    const pair = await authority.issue({ names: [NAME] });
    await writePair(certs, NAME, pair);
    expect((await handshake(tls)).serial).not.toBe(pair.serial);
    await clearNow();
    expect((await handshake(tls)).serial).toBe(pair.serial);
  }

  test('a clear gets through to stream', async () => {
    await writePair(certs, NAME, await authority.issue({ names: [NAME] }));
    const log = await withNginx('nginx.conf', async () => {
      expect((await clear()).status).toBe(200);
      await handshake(tls);
      await expectCleared(clear);
      if (!curl.areMissing) {
        await expectCleared(async () => {
          expect(await curl.run(['sh', '-c', clearByHand])).toMatchObject({ code: 0, stderr: '' });
        });
      }
    });
    expect(log).not.toMatch(/\[(warn|error|crit|alert|emerg)\]/);
  });

  test('it would not if the socket were beside the other one', async () => {
    const log = await withNginx('root_only.conf', async () => {
      expect((await clear()).status).toBe(500);
    });
    expect(log).toMatch(/connect\(\) to unix:\/run\/nginx\/clear\.sock failed \(13: Permission/);
  });
});
