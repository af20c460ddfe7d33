import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { run } from '../../setup/command.js';
import { currentRuntime, defaultRuntimes } from '../../setup/runtimes.js';
import { describeOnDebian, serialIn, startDebian } from '../../support/debian.js';
import { openPage, ROOT } from '../../support/documents.js';
import { startToolsWith } from '../../support/tools.js';

// Runs on njs, debian13: nginx of Debian 13 has no ssl_certificate_cache, and the engine makes no difference.

// The README, pasted to the letter into a fresh Debian.

const page = openPage('README.md');
const demo = page.takeText('sh', 'Try it');
const install = page.take('sh', '1. Install').map(({ text }) => text);
const configure = page.take('sh', '2. Configure').map(({ text }) => text);
const [makePair = '', startNginx = ''] = page
  .take('sh', '3. A certificate')
  .map(({ text }) => text);
const rotate = page.takeText('sh', '4. The rotation');
const hooks = page.takeText('sh', 'Hooks for ACME clients');
const [expiry = '', one = ''] = page
  .take('sh', 'Which names are served, and when they expire')
  .map(({ text }) => text);
const uninstall = page.takeText('sh', 'Uninstall');

const runtime = currentRuntime();
describeOnDebian('the five minutes', async () => {
  const { sh } = await startDebian();
  const tools = await startToolsWith([]);

  test('rotate a certificate, with the cache where nginx has one', async () => {
    for (const block of [...install, ...configure, makePair]) await sh(block);
    const first = serialIn(await sh(startNginx));
    await sh(makePair);
    expect(await sh(rotate)).toBe('{"cleared":"all"}\n');
    const second = serialIn(await sh(startNginx.replace(/^nginx -t.*\n/, '')));
    expect([first, second]).toEqual([
      expect.stringMatching(/^\w+$/),
      expect.not.stringMatching(first),
    ]);
    const file = '/etc/nginx/certs/www.example.com.cert.pem';
    expect(serialIn(await sh(`openssl x509 -noout -serial -in ${file}`))).toBe(second);
    const cache = "nginx -T 2>/dev/null | grep --count '^ssl_certificate_cache ' || true";
    expect(await sh(cache)).toBe(runtime.certificateCache ? '1\n' : '0\n');
    expect(await sh('cat /var/log/nginx/error.log')).not.toMatch(/\[(warn|error|crit|emerg)\]/);
  });

  test('the expiry dates are shown', async () => {
    const file = '/etc/nginx/certs/www.example.com.cert.pem';
    const format =
      'date --utc --date="$(openssl x509 -noout -enddate -in $0 | cut -d= -f2)" \'+%F %R\'';
    const date = (await sh(format, file)).trim();
    expect(await sh(expiry)).toBe(`${date} UTC  www.example.com\n`);
    expect(JSON.parse(await sh(one))).toMatchObject({ name: 'www.example.com', state: 'ok' });
  });

  test('the hooks are installed where they are looked for', async () => {
    await sh(hooks);
    const link = '/etc/letsencrypt/renewal-hooks/deploy/certbot';
    expect(await sh(`readlink --canonicalize-existing ${link}; test -x ${link}`)).toBe(
      '/usr/local/lib/cert-rotation/certbot\n',
    );
  });

  test.skipIf(tools.areMissing)('the systemd setting is one', async () => {
    const unit = await sh('cat /etc/systemd/system/nginx.service.d/cert-rotation.conf');
    const script = `
      mkdir -p /run/systemd/system/nginx.service.d && cd /run/systemd/system
      printf %s "$0" >nginx.service.d/cert-rotation.conf
      printf '[Service]\\nExecStart=/bin/true\\n' >nginx.service
      systemd-analyze verify ./nginx.service`;
    const { code, stderr } = await tools.run(['sh', '-c', script, unit]);
    expect([code, stderr]).toEqual([0, '']);
  });

  test('the way back leaves nothing of it, and nginx serves the files', async () => {
    const files = page.nginx('Uninstall');
    const conf = '/etc/nginx/conf.d/www.example.com.conf';
    await sh(
      `sed -i '/ssl_certificate/d' ${conf}; sed -i "/server_name/r /dev/stdin" ${conf} <<END\n${files}\nEND`,
    );
    await sh(uninstall);
    const left =
      'grep --recursive --files-with-matches -e cert_rotation -e cert-rotation /etc /usr/local || true';
    expect(await sh(left)).toBe('');
    expect(serialIn(await sh(startNginx))).toMatch(/^\w+$/);
  });
});

// It starts the default runtime itself.
if (runtime.name === defaultRuntimes[0]) {
  test('npm start shows a rotation', async () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    const [, args = ''] = /^npm start -- (.*)\n$/.exec(demo) ?? [];
    // Without the step that installs npm packages: the tests run on them.
    const [, script = ''] = /bootstrap\.mjs (\S+)$/.exec(scripts['start'] ?? '') ?? [];
    const ports = ['--port', await freePort(), '--admin-port', await freePort()];
    const output = await run('node', ['--import', 'tsx', script, ...args.split(' '), ...ports]);
    const serials = [...output.matchAll(/\b[0-9A-F]{20,}\b/g)].map(([serial]) => serial);
    expect(new Set(serials).size).toBeGreaterThan(1);
  });
}

/** A port of the loopback interface that nothing listens on. */
async function freePort(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return String(port);
}
