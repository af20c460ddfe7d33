import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { currentRuntime } from '../setup/runtimes.js';
import { createAuthority, writePair } from '../support/certificates.js';
import { makeWorkDirectory, startNginx } from '../support/nginx.js';
import { curl, handshake, opensslClient } from '../support/tls_client.js';

// nginx/nginx.conf as it is copied.
const PORT = 443;
const authority = await createAuthority();
const directory = makeWorkDirectory();
const certs = join(directory, 'certs');
const first = await authority.issue({ names: ['www.example.com'] });
await writePair(certs, 'www.example.com', first);
const nginx = await startNginx({
  directory,
  runtime: currentRuntime(),
  ports: [PORT],
  config: readFileSync(new URL('../../nginx/nginx.conf', import.meta.url), 'utf8'),
});
afterAll(() => nginx.stop());

test('starts without a warning', () => {
  expect(nginx.log()).not.toMatch(/\[(warn|error|crit|alert|emerg)\]/);
});

test('serves a pair, and the next one after the hook of the README', async () => {
  const options = { ...nginx.address(PORT), servername: 'www.example.com', ca: authority.rootPem };
  expect((await handshake(options)).serial).toBe(first.serial);
  const second = await authority.issue({ names: ['www.example.com'] });
  await writePair(certs, 'www.example.com', second);
  const hook = await curl([
    ...['--fail', '--silent', '--show-error', '--unix-socket', nginx.adminSocket],
    'http://localhost/clear',
  ]);
  expect(hook).toMatchObject({ code: 0, stdout: '{"cleared":"all"}\n' });
  expect((await handshake(options)).serial).toBe(second.serial);
});

test('openssl s_client sees it', async () => {
  const { stdout } = await opensslClient(nginx.address(PORT), ['-servername', 'www.example.com']);
  expect(stdout).toMatch(/subject=CN ?= ?www\.example\.com\n/);
});
