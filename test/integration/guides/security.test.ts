import { expect, test } from 'vitest';
import { describeOnDebian, startDebian } from '../../support/debian.js';
import { openPage, readPage } from '../../support/documents.js';

// Runs on njs: nginx's own passwords are what is tested, whatever engine it has.

// Requests from other machines, as docs/security.md has them, on a machine where somebody has followed the README.

const page = openPage('docs/security.md');
const readme = readPage('README.md');
const PASSWORD = 'correct horse';

describeOnDebian('the server with a password', async () => {
  const { sh } = await startDebian();
  const makePasswords = page.takeText('sh', 'Requests from other machines');
  for (const heading of ['1. Install', '2. Configure']) await sh(readme.takeText('sh', heading));
  const [makePair = '', start = ''] = readme.take('sh', '3. A certificate').map(({ text }) => text);
  await sh(makePair);
  await sh(makePair.replaceAll('www.example.com', 'admin.example.com'));
  const server = page.nginx('Requests from other machines');
  await sh(`cat >/etc/nginx/conf.d/remote.conf <<'END'\n${server}END\n`);
  // Somebody types it twice.
  await sh(makePasswords.replace('passwd -6', `passwd -6 '${PASSWORD}'`));
  await sh(start);

  /** What a client from another address than loopback gets. */
  const status = async (options: string): Promise<string> =>
    sh(
      `curl --silent --insecure --output /dev/null --write-out '%{http_code}' ${options} \
        --connect-to "::$(hostname -i):8443" https://admin.example.com/certs/`,
    );

  test('answers who has it, and nobody else', async () => {
    expect(await status(`--user 'deployer:${PASSWORD}'`)).toBe('200');
    expect(await status('--user deployer:guess')).toBe('401');
    expect(await status('')).toBe('401');
  });

  test('the passwords are for root and the workers', async () => {
    const mode = await sh("stat --format '%a %U %G' /etc/nginx/cert_admins");
    expect(mode).toBe('640 root www-data\n');
  });
});
