import { expect, test } from 'vitest';
import { describeOnDebian, serialIn, startDebian } from '../../support/debian.js';
import { openPage, readPage } from '../../support/documents.js';
import { STORE } from '../../support/nginx.js';

// Runs on njs, debian13: commands for both of Debian's nginx are what is tested, whatever the engine.

// The commands of docs/operation.md, on a machine where somebody has followed the README.

const page = openPage('docs/operation.md');
const readme = readPage('README.md');
const certs = '/etc/nginx/certs/www.example.com';
/** A put outlives these: the stand-in of systemctl ends nginx and starts it. */
const RESTART = 'systemctl restart nginx';

/** Handshakes, puts and clears in the background, each with a line in a file, until there is a file `stop`. */
const USE_WITHOUT_PAUSE = `
  cat ${certs}.cert.pem ${certs}.key.pem >/tmp/pair.pem
  cat >/tmp/use <<'END'
    touch /tmp/using
    ask() { curl --silent --output /dev/null --write-out "%{http_code} $1\\n" --unix-socket /run/nginx/cert-admin.sock "$2" "$3" "http://localhost$4"; }
    while [ ! -e /tmp/stop ]; do
      openssl s_client -connect 127.0.0.1:443 -servername www.example.com </dev/null 2>/dev/null | openssl x509 -noout -serial 2>&1
      ask put --upload-file /tmp/pair.pem /certs/www.example.com
      ask clear --request POST /clear
    done >/tmp/use.log
    rm /tmp/using
END
  setsid sh /tmp/use >/dev/null 2>&1 &
  # Allows the package's script to do what it does.
  printf '#!/bin/sh\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d`;

describeOnDebian('the commands', async () => {
  const { sh } = await startDebian();
  const serve = readme.take('sh', '3. A certificate')[1]?.text ?? '';
  for (const heading of ['1. Install', '2. Configure', '3. A certificate']) {
    await sh(readme.takeText('sh', heading));
  }
  await sh(readme.takeText('sh', 'Hooks for ACME clients'));
  const served = async (name = 'www.example.com'): Promise<string> =>
    serialIn(await sh(serve.replace(/^nginx -t.*\n/, '').replace('www.example.com', name)));

  const modeOf = async (path: string): Promise<string> =>
    (await sh(`stat --format '%a %U %G' ${path}`)).trim();

  test('show what is current for a name, in a store for the workers alone', async () => {
    expect(await modeOf(STORE)).toBe('700 www-data www-data');
    const entry = JSON.parse(await sh(page.takeText('sh', 'The store'))) as { version: string };
    const fingerprint = `openssl x509 -noout -fingerprint -sha256 -in ${certs}.cert.pem`;
    const [, hex = ''] = (await sh(fingerprint)).trim().split('=');
    expect(entry.version.split('.')[0]).toBe(hex.replaceAll(':', '').toLowerCase());
  });

  test('give the workers the right to read keys', async () => {
    const files = page.takeText('sh', 'File permissions');
    await sh(`chown root:root ${certs}.key.pem; chmod 600 ${certs}.key.pem\n${files}`);
    expect(await modeOf(`${certs}.key.pem`)).toBe('640 root www-data');
  });

  test('count the bytes of a name', async () => {
    const text = await sh(`cat ${certs}.cert.pem ${certs}.key.pem`);
    expect(await sh(page.takeText('sh', 'The zone'))).toBe(`${text.length}\n`);
  });

  test('show whether a session is resumed', async () => {
    const output = await sh(page.takeText('sh', 'Sessions'));
    expect(output.match(/^(New|Reused), .*$/gm)).toEqual([
      expect.stringContaining('New'),
      expect.stringContaining('Reused'),
    ]);
  });

  test('push pairs that only root can read, and go back', async () => {
    const [push, back] = page.take('sh', 'Keys that no worker may read').map(({ text }) => text);
    await sh(`for name in a b; do
        folder=/etc/letsencrypt/live/$name.example; mkdir -p -m 700 $folder
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj /CN=$name.example \
          -addext subjectAltName=DNS:$name.example -keyout $folder/privkey.pem -out $folder/fullchain.pem
      done`);
    const output = await sh(push ?? '');
    expect(output).toMatch(
      /^\[1\/2\] nginx serves a.example, .*\n\[2\/2\] nginx serves b.example, .*\ncert-rotation: 2 of 2 pairs are put, 0 failed\n$/,
    );
    const file = '/etc/letsencrypt/live/b.example/fullchain.pem';
    expect(await served('b.example')).toBe(
      serialIn(await sh(`openssl x509 -noout -serial -in ${file}`)),
    );
    const dropIn = 'ls /etc/systemd/system/nginx.service.d';
    expect(await sh(dropIn)).toContain('push-certificates.conf');
    await sh(back ?? '');
    expect(await sh(dropIn)).not.toContain('push-certificates.conf');
  });

  test('move the store, with what was put', async () => {
    const before = await served('a.example');
    await sh(page.takeText('sh', 'To move it, and a backup'));
    expect(await modeOf('/srv/nginx-certs')).toBe('700 www-data www-data');
    await sh(`rm -r ${STORE} /etc/letsencrypt; ${RESTART}`);
    expect(await served('a.example')).toBe(before);
  });

  test.each([
    ['as the page says', page.takeText('sh', 'nginx')],
    ['as the package does it', 'sh /var/lib/dpkg/info/nginx.postinst configure 2>&1'],
  ])('upgrade nginx while it is used, %s', async (_, upgrade) => {
    const master = (): Promise<string> => sh('cat /run/nginx.pid');
    const before = await master();
    await sh(USE_WITHOUT_PAUSE);
    await sh(`sleep 1; ${upgrade}`);
    await sh('while [ -e /run/nginx.pid.oldbin ]; do sleep 0.1; done; sleep 1; touch /tmp/stop');
    const log = await sh(
      'while [ -e /tmp/using ]; do sleep 0.1; done; cat /tmp/use.log; rm /tmp/stop /tmp/use.log',
    );
    expect(await master()).not.toBe(before);
    const lines = log.trim().split('\n');
    const handshakes = lines.filter((line) => line.startsWith('serial='));
    expect(new Set(handshakes)).toEqual(new Set([`serial=${await served()}`]));
    expect(handshakes.length).toBeGreaterThan(3);
    const answers = lines.filter((line) => !line.startsWith('serial='));
    expect(new Set(answers)).toEqual(new Set(['200 put', '200 clear']));
  });

  test('bring a new script, without an end of what is held', async () => {
    const before = await served('a.example');
    await sh(page.takeText('sh', 'The script'));
    await sh('cmp /clone/dist/cert_rotation.js /etc/nginx/njs/cert_rotation.js; sleep 1');
    expect(await served('a.example')).toBe(before);
  });
});
