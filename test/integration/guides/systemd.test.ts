import { join } from 'node:path';
import { expect, test } from 'vitest';
import { HOOKS } from '../../support/acme.js';
import { describeOnDebian, startDebian } from '../../support/debian.js';
import { openPage, pasteableBlocks, ROOT } from '../../support/documents.js';
import { STORE } from '../../support/nginx.js';
import { startToolsWith } from '../../support/tools.js';

// Runs on njs: files for systemd are what is tested, whatever engine nginx has.

// What the page installs is installed, and systemd reads it; what the sandbox leaves nginx is in confined.test.ts.

const page = openPage('docs/systemd.md');
const FOLDER = '/etc/systemd/system/nginx.service.d';
const settings = page.take('ini');
const storeFolder = page.takeText('sh', 'The folder of the store');
const pushUnit = page.takeText('sh', 'The push unit');
const [sandbox = '', back = ''] = page.take('sh', 'The sandbox').map(({ text }) => text);

const tools = await startToolsWith([
  ...['--volume', `${join(ROOT, 'nginx/hooks')}:${HOOKS}:ro`],
  ...['--volume', `${join(ROOT, 'nginx/systemd')}:/examples:ro`],
]);

test.skipIf(tools.areMissing)('systemd takes the settings, and knows each of them', async () => {
  expect(settings).toHaveLength(2);
  for (const [i, { text }] of settings.entries()) {
    const script = `
      mkdir -p /run/systemd/system/nginx.service.d && cd /run/systemd/system
      printf '%s\\n' "$0" >nginx.service.d/${i}.conf
      printf '[Service]\\nExecStart=/bin/true\\n' >nginx.service
      systemd-analyze verify ./nginx.service`;
    expect(await tools.run(['sh', '-c', script, text])).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
  }
});

test.skipIf(tools.areMissing)('systemd-tmpfiles makes the folder of the store', async () => {
  const script = `systemd-tmpfiles --create /examples/tmpfiles.conf
    stat --format '%a %U %G' ${STORE}`;
  expect(await tools.run(['sh', '-ec', script])).toEqual({
    code: 0,
    stdout: '700 www-data www-data\n',
    stderr: '',
  });
});

describeOnDebian('on Debian', async () => {
  const { sh } = await startDebian();
  for (const { text, heading } of pasteableBlocks('README.md')) {
    const isInstalled = heading === '1. Install' || text.startsWith('cat >/etc/nginx/conf.d/cert_');
    if (isInstalled || text.startsWith('install -d /usr/local/lib/')) await sh(text);
  }
  const installed = (): Promise<string> => sh(`ls ${FOLDER}`);

  test('the folder of the store is made again', async () => {
    await sh(`rm -r ${STORE} /etc/tmpfiles.d/cert-rotation.conf; ${storeFolder}`);
    expect(await sh(`stat --format '%a %U %G' ${STORE}`)).toBe('700 www-data www-data\n');
  });

  test('the push unit is installed, and its command puts the pairs of all folders', async () => {
    for (const folder of [
      '/etc/letsencrypt/live/a.example',
      '/var/lib/dehydrated/certs/b.example',
    ]) {
      await sh(
        `mkdir -p -m 700 ${folder}; cd ${folder}; umask 077; name=$(basename ${folder})
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj /CN=$name \
          -addext subjectAltName=DNS:$name -keyout privkey.pem -out fullchain.pem 2>/dev/null`,
      );
    }
    await sh(pushUnit);
    expect(await installed()).toBe('cert-rotation.conf\npush-certificates.conf\n');
    const commandIn = (text: string): string => /^ExecStartPost=-\+(.*)$/m.exec(text)?.[1] ?? '';
    const installedUnit = commandIn(await sh(`cat ${FOLDER}/push-certificates.conf`));
    expect(await sh(installedUnit)).toContain('1 of 1 pairs are put');
    const own = settings.map(({ text }) => commandIn(text)).find((text) => text !== '');
    expect(await sh(own!)).toContain('2 of 2 pairs are put');
  });

  test('the sandbox is installed, and removed', async () => {
    await sh(sandbox);
    expect(await installed()).toContain('sandbox.conf');
    await sh(back);
    expect(await installed()).not.toContain('sandbox.conf');
  });
});
