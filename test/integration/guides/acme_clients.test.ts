import { chmodSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSecureContext } from 'node:tls';
import { afterAll, expect, test } from 'vitest';
import { HOOKS, startAcmeHost, startPebble } from '../../support/acme.js';
import { pasteableBlocks } from '../../support/documents.js';
import { makeWorkDirectory } from '../../support/nginx.js';
import { handshake } from '../../support/tls_client.js';
import { startClients } from '../../support/image_clients.js';
import { errorsOf } from '../../support/log.js';
import { PERIODIC } from '../../support/scanning.js';
import { startSite } from '../../support/site.js';
import { describeWithAcme } from '../../support/with_acme.js';

// Runs on njs: hooks and permissions are what is tested, whatever engine nginx has.

const ROOT = resolve(import.meta.dirname, '../../..');
const WEBROOT = '/var/www/acme';
const LEGO = '/var/lib/lego';
const CLIENTS = 2;
/** Of a client between two handshakes. */
const PAUSE_MS = 10;
const HOURS = 6;
const RENEWALS = 5;
/** How long a test may take, in milliseconds: the clients are slow on a busy machine. */
const PATIENCE_MS = 180_000;

describeWithAcme('with a certificate authority and real clients', async () => {
  const directory = makeWorkDirectory();
  const folder = (name: string): string => {
    const path = join(directory, name);
    mkdirSync(path);
    chmodSync(path, 0o755);
    return path;
  };
  const shared = { '/etc/letsencrypt': folder('letsencrypt'), [WEBROOT]: folder('www') };
  const legoFolder = folder('lego');
  const site = await startSite({
    directory,
    main: 'user www-data;',
    mounts: { ...shared, '/etc/nginx/layouts': join(ROOT, 'nginx/layouts') },
    http: `
      include /etc/nginx/layouts/certbot.conf;
      server {
        listen 80;
        location /.well-known/acme-challenge/ { root ${WEBROOT}; }
      }`,
  });
  const host = await startAcmeHost({
    nginx: site.nginx,
    mounts: { ...shared, [LEGO]: legoFolder, '/run/nginx': join(directory, 'run') },
  });
  afterAll(() => host.stop());
  const pebble = await startPebble(host, { default: 90 * 86_400, hours: HOURS * 3600 });
  const secureContext = createSecureContext({ ca: pebble.rootPem });

  /** A handshake of a client that trusts the authority and nothing else. */
  async function serial(servername: string): Promise<string> {
    const ca = pebble.rootPem;
    return (await handshake({ ...site.nginx.tls, servername, ca, secureContext })).serial;
  }

  /** The serial number of a file's first certificate, with the digits that Node shows. */
  async function serialOf(file: string): Promise<string> {
    const output = await host.run(`openssl x509 -noout -serial -in ${file}`);
    return output.trim().replace('serial=', '');
  }

  const run = (command: string, env = {}): Promise<string> =>
    host.run(command, { ...pebble.env, ...env });

  /** Does a renewal under clients without pause: none fails, workers stay, and its pair is served once it is done. */
  async function underClients(name: string, chain: string, renew: () => Promise<unknown>) {
    const processes = await site.nginx.processes();
    const before = await serial(name);
    const seen = new Set<string>();
    const clients = startClients(CLIENTS, () => async () => {
      seen.add(await serial(name));
      // What the renewal itself does is to have the processors, too.
      await sleep(PAUSE_MS);
    });
    await renew();
    const after = await serial(name);
    expect(after).toBe(await serialOf(chain));
    expect(after).not.toBe(before);
    expect(await clients.stop()).toBeGreaterThan(CLIENTS);
    expect([before, after]).toEqual(expect.arrayContaining([...seen]));
    expect(await site.nginx.processes()).toEqual(processes);
  }

  test('certbot, with a hook that clears', { timeout: PATIENCE_MS }, async () => {
    const hook = `env CERT_ROTATION_MODE=clear ${HOOKS}/certbot`;
    const lineage = '/etc/letsencrypt/live/www.certbot.example';
    await run(`
      certbot certonly --non-interactive --agree-tos --register-unsafely-without-email \
        --server ${pebble.directory} --webroot --webroot-path ${WEBROOT} \
        --domain www.certbot.example --domain certbot.example --deploy-hook '${hook}'
      ln -s www.certbot.example /etc/letsencrypt/live/certbot.example`);
    const permissions = pasteableBlocks('docs/acme.md').find(({ text }) =>
      text.startsWith('chgrp www-data /etc/letsencrypt'),
    );
    await run(permissions!.text);
    await site.clear();
    for (const name of ['www.certbot.example', 'certbot.example']) {
      expect(await serial(name)).toBe(await serialOf(`${lineage}/fullchain.pem`));
    }
    await underClients('certbot.example', `${lineage}/fullchain.pem`, () =>
      run('certbot renew --force-renewal --no-random-sleep-on-renew'),
    );
    expect(await serial('www.certbot.example')).toBe(await serial('certbot.example'));
  });

  test('dehydrated, with a hook that puts', { timeout: PATIENCE_MS }, async () => {
    const dehydrated = `dehydrated --accept-terms --cron --ca ${pebble.directory} \
      --domain dehydrated.example --hook ${HOOKS}/dehydrated`;
    const chain = '/var/lib/dehydrated/certs/dehydrated.example/fullchain.pem';
    const challenges = `${WEBROOT}/.well-known/acme-challenge`;
    await run(
      `mkdir -p ${challenges}; echo WELLKNOWN=${challenges} >/etc/dehydrated/conf.d/e2e.sh`,
    );
    await run(dehydrated);
    expect(await serial('dehydrated.example')).toBe(await serialOf(chain));
    await underClients('dehydrated.example', chain, () => run(`${dehydrated} --force`));
  });

  const lego = `lego --path ${LEGO} --accept-tos --email admin@lego.example \
    --server ${pebble.directory} --http --http.webroot ${WEBROOT}`;

  test(
    `lego, with a hook that puts, and certificates for ${HOURS} hours`,
    { timeout: PATIENCE_MS },
    async () => {
      const one = `${lego} --domains lego.example`;
      const renew = 'renew --days 1000 --ari-disable --no-random-sleep';
      const chain = `${LEGO}/certificates/lego.example.crt`;
      await run(`${one} run --profile hours --run-hook 'env CERT_ROTATION_PAUSE=1 ${HOOKS}/lego'`);
      expect(await serial('lego.example')).toBe(await serialOf(chain));
      for (let renewal = 0; renewal < RENEWALS; renewal++) {
        await underClients('lego.example', chain, () =>
          run(`${one} ${renew} --profile hours --renew-hook ${HOOKS}/lego`),
        );
        const { body } = await site.nginx.admin('/certs/lego.example');
        const { not_after } = JSON.parse(body) as { not_after: string };
        expect(Date.parse(not_after)).toBeLessThan(Date.now() + HOURS * 3_600_000);
      }
    },
  );

  test('lego, where names come from the certificates', { timeout: PATIENCE_MS }, async () => {
    // The second one was validated above, and has a certificate for some hours: this one expires later.
    const names = ['first.lego.example', 'lego.example'];
    const domains = names.map((name) => `--domains ${name}`).join(' ');
    await run(`${lego} ${domains} --pem run && chmod -R a+rX ${LEGO}`);
    const files = `${LEGO}/certificates`;
    expect(await run(`ls ${files}`)).toContain('first.lego.example.issuer.crt');
    const issued = await serialOf(`${files}/first.lego.example.crt`);
    for (const [scan, key_file] of [
      ['*.crt', '{name}.key'],
      ['*.pem', '{name}.pem'],
    ]) {
      const scanned = await startSite({
        mounts: { [LEGO]: legoFolder },
        admin: PERIODIC,
        settings: { scan: `${files}/${scan}`, key_file: `${files}/${key_file}` },
      });
      await scanned.clear();
      for (const name of names) expect(await scanned.serial(name), name).toBe(issued);
      const { body } = await scanned.nginx.admin('/certs/?files');
      expect(body).toContain('/first.lego.example.');
      expect(body).not.toContain('issuer.crt');
      expect(body).not.toContain('refused');
      expect(errorsOf(scanned)).toEqual([]);
    }
  });

  test('no key stands in the log', () => {
    expect(site.nginx.log()).not.toContain('-----BEGIN');
  });
});
