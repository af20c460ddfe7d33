import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { CLONE, startAcmeHost, startPebble } from '../../support/acme.js';
import { openPage, pasteableBlocks } from '../../support/documents.js';
import { makeWorkDirectory } from '../../support/nginx.js';
import { startSite } from '../../support/site.js';
import { describeWithAcme } from '../../support/with_acme.js';

// Runs on njs: clients and permissions are what is tested, whatever engine nginx has.

// The page is followed with the real clients, which get their certificates from a real ACME server.

const PAGE = 'docs/acme.md';
const page = openPage(PAGE);
const NAME = 'www.example.com';
const WEBROOT = '/var/www/acme';
/** Soon enough for lego and dehydrated to renew when they are called again, in seconds. */
const VALIDITY = 20 * 86_400;
const PATIENCE_MS = 180_000;

/** What `acme.sh --install-cert` does with what it has issued: _installcert of acme.sh 3.1.4. */
const ACME_SH = `#!/bin/sh
set -e
umask 022
while [ $# -gt 0 ]; do
  case $1 in
    -d) domain=$2 ;; --key-file) key=$2 ;; --fullchain-file) chain=$2 ;; --reloadcmd) reload=$2 ;;
  esac
  shift
done
folder=\${CERT_HOME:-/root/.acme.sh}/\${domain}_ecc
CERT_KEY_PATH=$folder/$domain.key CERT_FULLCHAIN_PATH=$folder/fullchain.cer
if [ -n "$key" ]; then
  [ -f "$key" ] || { touch "$key"; chmod 600 "$key"; }
  cat "$CERT_KEY_PATH" >"$key"
  cat "$CERT_FULLCHAIN_PATH" >"$chain"
fi
export CERT_KEY_PATH CERT_FULLCHAIN_PATH
cd "$folder" && eval "$reload"
`;

function included(heading: string): string {
  const blocks = pasteableBlocks(PAGE).filter(({ language }) => language === 'nginx');
  return blocks.find((block) => block.heading === heading)!.text;
}

describeWithAcme('docs/acme.md', async () => {
  const directory = makeWorkDirectory();
  const shared: Record<string, string> = {};
  for (const path of ['/etc/letsencrypt', '/var/lib/lego', '/var/lib/dehydrated', '/etc/acme.sh']) {
    shared[path] = join(directory, path.replaceAll('/', '-'));
  }
  shared[WEBROOT] = join(directory, 'www');
  shared['/etc/nginx/layouts'] = join(directory, 'layouts');
  for (const folder of Object.values(shared)) {
    mkdirSync(folder);
    chmodSync(folder, 0o755);
  }
  const chosen = join(shared['/etc/nginx/layouts'], 'chosen');
  writeFileSync(chosen, '');
  const site = await startSite({
    directory,
    main: 'user www-data;',
    mounts: shared,
    http: `
      include /etc/nginx/layouts/chosen;
      server {
        listen 80;
        location /.well-known/acme-challenge/ { root ${WEBROOT}; }
      }`,
  });
  const host = await startAcmeHost({
    nginx: site.nginx,
    clone: true,
    mounts: {
      ...shared,
      '/run/nginx': join(directory, 'run'),
      '/etc/nginx/certs': site.nginx.certsDirectory,
    },
  });
  afterAll(() => host.stop());
  const pebble = await startPebble(host, { default: VALIDITY });
  await host.run(
    `chown root:root ${Object.keys(shared).join(' ')}
    # As lego makes it.
    chmod 700 /var/lib/lego
    printf %s "$INI" >/etc/letsencrypt/cli.ini
    mkdir -p ${WEBROOT}/.well-known/acme-challenge
    printf %s "$DEHYDRATED" >/etc/dehydrated/conf.d/test.sh
    printf %s "$ACME_SH" >/usr/local/bin/acme.sh && chmod 755 /usr/local/bin/acme.sh`,
    {
      INI: `server = ${pebble.directory}\nagree-tos = true\nnon-interactive = true
        register-unsafely-without-email = true\nauthenticator = webroot\nwebroot-path = ${WEBROOT}\n`,
      DEHYDRATED: `CA=${pebble.directory}\nWELLKNOWN=${WEBROOT}/.well-known/acme-challenge\n`,
      ACME_SH,
    },
  );
  const run = (command: string, env = {}): Promise<string> =>
    host.run(`set -e; cd ${CLONE}; ${command}`, {
      ...pebble.env,
      LEGO_SERVER: pebble.directory,
      ...env,
    });
  /** A block of the page, as it stands there. */
  const commands = (heading: string, index: number): string =>
    page.take('sh', heading)[index]?.text ?? '';
  const follow = (heading: string, index = 0): Promise<string> => run(commands(heading, index));

  async function serialOf(chain: string): Promise<string> {
    const text = await run(`openssl x509 -noout -serial -in ${chain}`);
    return text.trim().replace('serial=', '');
  }

  /** Where a pair that is served comes from. */
  async function sourceOf(name: string): Promise<string> {
    const { body } = await site.nginx.admin(`/certs/${name}`);
    return (JSON.parse(body) as { source: string }).source;
  }

  async function expectServed(chain: string, source: 'api' | 'disk', name = NAME): Promise<void> {
    expect(await site.serial(name)).toBe(await serialOf(chain));
    expect(await sourceOf(name)).toBe(source);
  }

  /** What nginx is configured with goes, and what was put. */
  async function restart(layout = ''): Promise<void> {
    writeFileSync(chosen, layout);
    await site.nginx.reload();
    await site.nginx.admin(`/certs/${NAME}`, { method: 'DELETE' });
  }

  async function expectAbsent(): Promise<void> {
    await site.nginx.admin(`/certs/${NAME}`, { method: 'DELETE' });
    await expect(site.serial(NAME)).rejects.toThrow();
  }

  const workersRead = async (path: string): Promise<boolean> => {
    const asWorker = ['setpriv', '--reuid=www-data', '--regid=www-data', '--clear-groups'];
    return (await site.nginx.exec([...asWorker, 'cat', path])).exitCode === 0;
  };

  beforeEach(() => restart());

  test('the hooks and the layouts are installed', async () => {
    await follow('The hooks', 0);
    await follow('The hooks', 1);
    expect(await run('ls /usr/local/lib/cert-rotation')).toContain('push-all');
    expect(await run('ls /etc/nginx/layouts')).toContain('certbot.conf');
  });

  describe('certbot', () => {
    const chain = `/etc/letsencrypt/live/${NAME}/fullchain.pem`;
    const renew = (): Promise<string> =>
      run('certbot renew --force-renewal --no-random-sleep-on-renew');

    test('pushes', { timeout: PATIENCE_MS }, async () => {
      expect(await run('ls /etc/letsencrypt')).toBe('cli.ini\n');
      await follow('certbot: push', 0);
      await run(`certbot certonly --domain ${NAME} --domain example.com`);
      await expectServed(chain, 'api');
      await renew();
      await expectServed(chain, 'api');
      await expectServed(chain, 'api', 'example.com');
      await expectAbsent();
      expect(await follow('certbot: push', 1)).toContain('1 of 1 pairs are put');
      await expectServed(chain, 'api');
    });

    test('has its files read', { timeout: PATIENCE_MS }, async () => {
      await run('rm /etc/letsencrypt/renewal-hooks/deploy/certbot');
      await restart(included('certbot: files'));
      await expectAbsent();
      await follow('certbot: files', 0);
      await site.clear();
      await expectServed(chain, 'disk');

      await follow('certbot: files', 1);
      await renew();
      await expectServed(chain, 'disk');
      await run('certbot certonly --domain new.example.com');
      const other = chain.replace(NAME, 'new.example.com');
      await expectServed(other, 'disk', 'new.example.com');

      await site.nginx.admin('/certs/example.com', { method: 'DELETE' });
      await follow('Wildcards and further names');
      await site.clear();
      await expectServed(chain, 'disk', 'example.com');
    });
  });

  describe('lego', () => {
    const folder = '/var/lib/lego/certificates';
    const chain = `${folder}/${NAME}.crt`;
    /** Renews as the page says, but at once. */
    async function renew(block: string): Promise<void> {
      const before = await serialOf(chain);
      await run(block.replace('renew ', 'renew --no-random-sleep '));
      expect(await serialOf(chain)).not.toBe(before);
    }

    test('pushes', { timeout: PATIENCE_MS }, async () => {
      await follow('lego: push', 0);
      await expectServed(chain, 'api');
      await renew(commands('lego: push', 1));
      await expectServed(chain, 'api');
      await expectAbsent();
      await follow('lego: push', 2);
      await expectServed(chain, 'api');
    });

    test('has its files read', { timeout: PATIENCE_MS }, async () => {
      await restart(included('lego: files'));
      expect(await run(`stat -c %a ${folder} ${chain}`)).toBe('700\n600\n');
      await expectAbsent();
      await follow('lego: files', 0);
      await site.clear();
      await expectServed(chain, 'disk');
      await renew(commands('lego: files', 1));
      await expectServed(chain, 'disk');
      expect(await workersRead(`${folder}/${NAME}.key`)).toBe(true);
      const account = (await run('find /var/lib/lego/accounts -name "*.key"')).trim();
      expect(account).toMatch(/\.key$/);
      expect(await workersRead(account)).toBe(false);
    });
  });

  describe('acme.sh', () => {
    /** Issues as acme.sh does: `_createkey`, `cat` into files that are there. */
    async function issue(home: string): Promise<string> {
      const folder = `${home}/${NAME}_ecc`;
      const { chainPem, keyPem } = await site.authority.issue({ names: [NAME] });
      await run(
        `mkdir -p ${folder}; cd ${folder}
        [ -e ${NAME}.key ] || { touch ${NAME}.key; chmod 600 ${NAME}.key; }
        echo "$KEY" >${NAME}.key; echo "$CHAIN" >fullchain.cer`,
        { KEY: keyPem, CHAIN: chainPem },
      );
      return `${folder}/fullchain.cer`;
    }

    test('pushes', async () => {
      await run('mkdir -p /root/.acme.sh && chmod 700 /root/.acme.sh');
      const chain = await issue('/root/.acme.sh');
      await follow('acme.sh: push');
      await expectServed(chain, 'api');
    });

    test('installs files that are read', async () => {
      const block = 'acme.sh: files that it installs';
      let chain = await issue('/root/.acme.sh');
      await follow(block);
      await site.clear();
      await expectServed(chain, 'disk');
      chain = await issue('/root/.acme.sh');
      const [renewal = ''] = commands(block, 0).split('\nchgrp');
      await run(renewal);
      await expectServed(chain, 'disk');
      await run('rm /etc/nginx/certs/*');
      await site.clear();
    });

    test('has its own folders read', async () => {
      await issue('/etc/acme.sh');
      await restart(included('acme.sh: its own folders'));
      await expectAbsent();
      await follow('acme.sh: its own folders');
      const chain = await issue('/etc/acme.sh');
      await site.clear();
      await expectServed(chain, 'disk');
    });
  });

  describe('dehydrated', () => {
    const folder = `/var/lib/dehydrated/certs/${NAME}`;
    const renew = (): Promise<string> => run('dehydrated --accept-terms --cron --force');

    test('pushes', { timeout: PATIENCE_MS }, async () => {
      await run(`echo ${NAME} >/etc/dehydrated/domains.txt`);
      await follow('dehydrated: push', 0);
      await renew();
      await expectServed(`${folder}/fullchain.pem`, 'api');
      await expectAbsent();
      await follow('dehydrated: push', 1);
      await expectServed(`${folder}/fullchain.pem`, 'api');
    });

    test('has its files read', { timeout: PATIENCE_MS }, async () => {
      await restart(included('dehydrated: files'));
      await expectAbsent();
      await follow('dehydrated: files', 1);
      await site.clear();
      await expectServed(`${folder}/fullchain.pem`, 'disk');
      await follow('dehydrated: files', 0);
      for (let renewal = 0; renewal < 2; renewal++) {
        await renew();
        await expectServed(`${folder}/fullchain.pem`, 'disk');
        expect(await workersRead(`${folder}/privkey.pem`)).toBe(true);
      }
    });
  });

  test('any two files are pushed', async () => {
    const { chainPem, keyPem, serial } = await site.authority.issue({ names: [NAME] });
    await run(`cd /root; umask 077; echo "$CHAIN" >fullchain.pem; echo "$KEY" >privkey.pem`, {
      CHAIN: chainPem,
      KEY: keyPem,
    });
    await follow('Other clients');
    expect(await site.serial(NAME)).toBe(serial);
  });
});
