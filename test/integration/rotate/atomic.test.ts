import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { currentRuntime } from '../../setup/runtimes.js';
import { createAuthority, writePair } from '../../support/certificates.js';
import { makeWorkDirectory, nginxConf, startNginx } from '../../support/nginx.js';
import { handshake } from '../../support/tls_client.js';
import { startSite } from '../../support/site.js';

test('certificate and key agree when the record is replaced between the two calls', async () => {
  const authority = await createAuthority();
  const directory = makeWorkDirectory();
  const certs = join(directory, 'certs');
  const names = ['a.example', 'b.example'];
  for (const name of names) await writePair(certs, name, await authority.issue({ names: [name] }));
  // nginx evaluates this between js_cert and js_key: it gives each name the other's record.
  writeFileSync(
    join(certs, 'swap.js'),
    `function swap() {
       var zone = ngx.shared.certs, a = zone.get('a.example'), b = zone.get('b.example');
       if (a && b) { zone.set('a.example', b); zone.set('b.example', a); }
       return '';
     }
     export default { swap };`,
  );
  const runtime = currentRuntime();
  const nginx = await startNginx({
    directory,
    runtime,
    config: nginxConf({
      runtime,
      http: `
        js_import test from /etc/nginx/certs/swap.js;
        js_shared_dict_zone zone=certs:1m;
        js_set $cert certs.js_cert;
        js_set $key certs.js_key;
        js_set $swap test.swap;
        server { listen 8443 ssl; ssl_certificate data:$cert; ssl_certificate_key data:$swap$key; }`,
    }),
  });
  const served = new Set<string>();
  for (let round = 0; round < 10; round++) {
    for (const servername of names) {
      const { names: found } = await handshake({ ...nginx.tls, servername });
      served.add(`${servername}: ${found.join()}`);
    }
  }
  // The records were really replaced.
  expect(served.size).toBeGreaterThan(names.length);
  await nginx.stop();
});

describe('renewals without pause', async () => {
  const CLIENTS = 8;
  const RENEWALS = 25;
  const site = await startSite({
    names: ['a.example'],
    variables: 'two',
    settings: { check_interval: '0' },
  });

  test.each(['key', 'cert'] as const)(
    'the %s renamed first: no handshake fails, and none serves less than was cleared',
    async (first) => {
      const versions = [site.serials['a.example']];
      let cleared = 0;
      let isOver = false;
      const client = async (): Promise<number> => {
        let handshakes = 0;
        for (; !isOver; handshakes++) {
          const atLeast = cleared;
          const version = versions.indexOf(await site.serial('a.example'));
          expect(version).toBeGreaterThanOrEqual(atLeast);
        }
        return handshakes;
      };
      await site.renew('a.example');
      versions[0] = site.serials['a.example'];
      await site.clear();
      // Held before the files change: there is no last good pair of a name that is first asked for halfway.
      expect(await site.serial('a.example')).toBe(versions[0]);
      const clients = Array.from({ length: CLIENTS }, client);
      const writer = async (): Promise<void> => {
        for (let version = 1; version <= RENEWALS; version++) {
          const pair = await site.authority.issue({ names: ['a.example'] });
          versions.push(pair.serial);
          await writePair(site.nginx.certsDirectory, 'a.example', pair, first);
          await site.clear(version % 2 ? undefined : 'a.example');
          // Seen once before the files change again: what nobody asked for is on no disk any more.
          expect(await site.serial('a.example')).toBe(pair.serial);
          cleared = version;
        }
      };
      await writer().finally(() => {
        isOver = true;
      });
      const handshakes = (await Promise.all(clients)).reduce((sum, count) => sum + count, 0);
      expect(handshakes).toBeGreaterThan(RENEWALS);
      expect(site.nginx.log()).not.toContain('PRIVATE KEY');
    },
  );
});
