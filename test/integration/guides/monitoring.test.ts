import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { run } from '../../setup/command.js';
import { findPromtool } from '../../setup/promtool.js';
import { currentRuntime } from '../../setup/runtimes.js';
import { createAuthority, writePair } from '../../support/certificates.js';
import { openPage, ROOT } from '../../support/documents.js';
import { makeWorkDirectory, nginxConf, startNginx } from '../../support/nginx.js';
import { handshake } from '../../support/tls_client.js';

// The commands of docs/monitoring.md beside an nginx, and what it has for Prometheus.

const page = openPage('docs/monitoring.md');
const text = readFileSync(join(ROOT, 'docs/monitoring.md'), 'utf8');
const scrape = page.takeText('yaml', 'Prometheus');
const [expiry = '', problems = ''] = page
  .take('sh', 'Which names are held, and when they expire')
  .map((block) => block.text);
const soon = page.takeText('sh', 'Without Prometheus');

const DAY_MS = 86_400_000;
const promtool = await findPromtool();
const runtime = currentRuntime();

test.skipIf(promtool === undefined)('Prometheus takes the scrape, with the alerts', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'prometheus-'));
  try {
    const file = join(directory, 'prometheus.yml');
    writeFileSync(file, scrape);
    writeFileSync(join(directory, 'alerts.yml'), readFileSync(join(ROOT, 'nginx/alerts.yml')));
    expect(await run(promtool!, ['check', 'config', file])).toMatch(/SUCCESS: \d+ rules found/);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('every alert is in the table', () => {
  const alerts = readFileSync(join(ROOT, 'nginx/alerts.yml'), 'utf8').matchAll(/alert: (\w+)/g);
  const listed = [...text.matchAll(/^\| `(Certificate\w+)`/gm)].map(([, name]) => name);
  expect(listed).toEqual([...alerts].map(([, name]) => name));
});

describe('beside an nginx', async () => {
  const directory = makeWorkDirectory();
  const authority = await createAuthority();
  const nginx = await startNginx({
    directory,
    runtime,
    config: nginxConf({
      runtime,
      http: `
        js_shared_dict_zone zone=certs:1m;
        js_set $tls_pair certs.js_pair;
        server {
          listen 8443 ssl;
          ssl_certificate data:$tls_pair;
          ssl_certificate_key data:$tls_pair;
        }
        server {
          listen unix:/run/nginx/cert-admin.sock;
          client_max_body_size 2m;
          js_var $cert_scan "/etc/nginx/certs/*.cert.pem";
          location = /clear   { js_content certs.clear_cache; }
          location = /metrics { js_content certs.metrics; }
          location /certs/    { js_content certs.admin; }
          location @scan      { js_periodic certs.scan interval=500ms; }
        }`,
    }),
  });
  afterAll(() => nginx.stop());
  const put = async (name: string, days: number): Promise<string> => {
    const notAfter = new Date(Date.now() + days * DAY_MS);
    const pair = await authority.issue({ names: [name], notAfter });
    await nginx.admin(`/certs/${name}`, { method: 'PUT', body: pair.pairPem });
    return notAfter.toISOString().slice(0, 16).replace('T', ' ');
  };
  const sh = async (script: string) => nginx.exec(['sh', '-c', script]);

  test('the dates are shown, the earliest first', async () => {
    const later = await put('www.example.com', 80);
    const earlier = await put('*.example.com', 30);
    expect((await sh(expiry)).stdout).toBe(
      `${earlier} UTC  *.example.com\n${later} UTC  www.example.com\n`,
    );
  });

  test('what expires soon makes the command fail', async () => {
    expect(await sh(soon)).toMatchObject({ exitCode: 0, stdout: '' });
    await put('late.example', 9);
    const { exitCode, stdout } = await sh(soon);
    expect([exitCode, stdout]).toEqual([1, expect.stringMatching(/"late\.example".* soon\n$/)]);
  });

  test('files that are refused are shown', async () => {
    expect((await sh(problems)).stdout).toBe('No files are refused.\n');
    const pair = await authority.issue({ names: ['www.example.com'] });
    const { keyPem } = await authority.issue({ names: ['www.example.com'] });
    await writePair(nginx.certsDirectory, 'www.example.com', { ...pair, keyPem });
    await nginx.admin('/clear');
    await handshake({ ...nginx.tls, servername: 'www.example.com' });
    expect((await sh(problems)).stdout).toContain(
      '{name="www.example.com",code="key-mismatch",held="yes"} 1',
    );
  });

  test('every metric is in the table, and no other', async () => {
    const listed = [...text.matchAll(/^\| `(cert_rotation_\w+)/gm)].map(([, name]) => name);
    const { body } = await nginx.admin('/metrics');
    const shown = [...body.matchAll(/^# HELP (\w+)/gm)].map(([, name]) => name);
    const ofEtcd = listed.filter((name) => name?.startsWith('cert_rotation_etcd_'));
    expect([...listed].sort()).toEqual([...shown, ...ofEtcd].sort());
  });
});
