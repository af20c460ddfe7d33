import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { currentRuntime } from '../../setup/runtimes.js';
import { createAuthority, writePair, type Pair } from '../../support/certificates.js';
import { openPage, ROOT } from '../../support/documents.js';
import { makeWorkDirectory, nginxConf, startNginx, type Nginx } from '../../support/nginx.js';
import { handshake } from '../../support/tls_client.js';

// The requests of docs/api.md, as they stand there, and the answers that it shows.

const page = openPage('docs/api.md');
const api = page.takeText('sh', 'The command of the examples');
const NAME = 'www.example.com';
const SHOP = ['shop.example.com', '*.shop.example.com'];

const authority = await createAuthority();
const runtime = currentRuntime();

/** Starts nginx with the handlers; the commands run beside it, in a folder with these files. */
async function start(http: string, files: Record<string, string>): Promise<Nginx> {
  const directory = makeWorkDirectory();
  const folder = join(directory, 'files');
  mkdirSync(folder);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const config = nginxConf({
    runtime,
    http: `
      js_shared_dict_zone zone=certs:1m;
      js_set $tls_pair certs.js_pair;
      ${http}
      server {
        listen 8443 ssl;
        ssl_certificate data:$tls_pair;
        ssl_certificate_key data:$tls_pair;
      }
      server {
        listen unix:/run/nginx/cert-admin.sock;
        location = /clear { js_content certs.clear_cache; }
        location /certs/  { js_content certs.admin; }
        location @scan    { js_periodic certs.scan interval=500ms; }
      }`,
  });
  const nginx = await startNginx({ directory, runtime, config, mounts: { '/files': folder } });
  afterAll(() => nginx.stop());
  return nginx;
}

/** What the commands under a heading print. */
async function run(nginx: Nginx, heading: string): Promise<string> {
  const script = `cd /files\n${api}${page.takeText('sh', heading)}`;
  const { stdout, stderr } = await nginx.exec(['sh', '-c', script]);
  expect(stderr).toMatch(/^(curl: \(22\).*\n)?$/);
  return stdout;
}

/** Values that another certificate, or another time, makes others. */
const VOLATILE =
  /^(serial|fingerprint_sha256|not_before|not_after|days_left|loaded_at|checked_at)$/;

/** An answer without what differs from one certificate to the next. */
function stable(answer: string): unknown {
  return JSON.parse(answer, (key, value: unknown) => (VOLATILE.test(key) ? typeof value : value));
}

async function expectShown(nginx: Nginx, heading: string): Promise<void> {
  expect(stable(await run(nginx, heading))).toEqual(stable(page.takeText('json', heading)));
}

function mixed(cert: Pair, key: Pair): string {
  return cert.chainPem + key.keyPem;
}

describe('the requests', async () => {
  const shop = await authority.issue({ names: SHOP });
  const other = await authority.issue({ names: SHOP });
  const nginx = await start('', {
    'pair.pem': shop.pairPem,
    'fullchain.pem': shop.chainPem,
    'privkey.pem': shop.keyPem,
    'pair.json': JSON.stringify({ cert: shop.chainPem, key: shop.keyPem }),
    'mismatch.pem': mixed(shop, other),
  });

  /** Has a name's files loaded. */
  const load = async (): Promise<unknown> => handshake({ ...nginx.tls, servername: NAME });

  test.each(['As PEM', 'As a form'])('%s: a pair is put', async (heading) => {
    await expectShown(nginx, heading);
    expect((await handshake({ ...nginx.tls, servername: 'shop.example.com' })).serial).toBe(
      shop.serial,
    );
  });

  test('a pair is put as JSON, and where nobody was faster', async () => {
    for (const heading of ['As JSON', 'Two writers']) {
      expect(JSON.parse(await run(nginx, heading))).toMatchObject({ serial: shop.serial });
    }
  });

  test('a name is read, and its chain', async () => {
    await writePair(nginx.certsDirectory, NAME, await authority.issue({ names: [NAME] }));
    await load();
    writeFileSync(join(nginx.certsDirectory, `${NAME}.key.pem`), other.keyPem);
    await nginx.admin('/clear');
    await load();
    const [answer = '', chain] = (await run(nginx, 'Read')).split(/(?<=\n)(?=-----BEGIN)/);
    expect(stable(answer)).toEqual(stable(page.takeText('json', 'Read')));
    expect(chain).toMatch(/^-----BEGIN CERTIFICATE-----/);
  });

  test.each(['List', 'Refusals', 'Clear', 'Delete'])(
    '%s: is answered as shown',
    async (heading) => {
      await expectShown(nginx, heading);
    },
  );
});

test('files that a scan found are listed as shown', async () => {
  const nginx = await start('js_var $cert_scan "/etc/nginx/certs/*.cert.pem";', {});
  const [one, two] = [
    await authority.issue({ names: SHOP }),
    await authority.issue({ names: SHOP }),
  ];
  await writePair(nginx.certsDirectory, 'a', { ...one, keyPem: two.keyPem });
  await writePair(nginx.certsDirectory, 'b', two);
  await nginx.admin('/clear');
  await expectShown(nginx, 'Files that a scan found');
});

test('the codes of the table are those of the description for programs', () => {
  const text = readFileSync(join(ROOT, 'docs/api.md'), 'utf8');
  const described = readFileSync(join(ROOT, 'nginx/openapi.yaml'), 'utf8');
  const codes = [...text.matchAll(/^\| \d+ +\| `([a-z-]+)`/gm)].map(([, code]) => code ?? '');
  expect(codes.length).toBeGreaterThan(8);
  for (const code of codes) expect(described).toContain(code);
});
