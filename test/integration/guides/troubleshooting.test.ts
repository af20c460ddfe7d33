import { expect, test } from 'vitest';
import { describeOnDebian, serialIn, startDebian } from '../../support/debian.js';
import { openPage, readPage } from '../../support/documents.js';

// Runs on njs: commands are what is tested, whatever engine nginx has.

// The commands of docs/troubleshooting.md, where something is wrong.

const page = openPage('docs/troubleshooting.md');
const readme = readPage('README.md');
const CERTS = '/etc/nginx/certs/www.example.com';

describeOnDebian('a renewal with the wrong key', async () => {
  const { sh } = await startDebian();
  const log = page.takeText('sh', 'Troubleshooting');
  const describeName = page.takeText('sh', 'A handshake fails');
  const [inFile = '', served = ''] = page
    .take('sh', 'The old certificate is served')
    .map(({ text }) => text);
  const check = page.takeText('sh', 'nginx does not start');
  const rotate = readme.takeText('sh', '4. The rotation');
  for (const heading of ['1. Install', '2. Configure', '3. A certificate']) {
    await sh(readme.takeText('sh', heading));
  }

  test('is found by the commands', async () => {
    expect(serialIn(await sh(inFile))).toBe(serialIn(await sh(served)));
    const makePair = readme.take('sh', '3. A certificate')[0]?.text ?? '';
    await sh(`cp ${CERTS}.key.pem /tmp/old.key; ${makePair}; cp /tmp/old.key ${CERTS}.key.pem`);
    await sh(rotate);
    const old = serialIn(await sh(served));
    expect(serialIn(await sh(inFile))).not.toBe(old);
    expect(JSON.parse(await sh(describeName))).toMatchObject({
      state: 'last-good',
      error: expect.stringContaining('key-mismatch') as unknown,
    });
    expect(await sh(log)).toContain('cert_rotation: www.example.com: key-mismatch: ');
  });

  test('nginx -t says what is wrong', async () => {
    const conf = '/etc/nginx/conf.d/wrong.conf';
    await sh(`echo 'js_var $cert_file /etc/nginx/certs/{name}.pem;' >${conf}`);
    await expect(sh(check)).rejects.toThrow('directive "js_var" is not terminated by ";"');
    await sh(`rm ${conf}`);
    await sh(check);
  });
});
