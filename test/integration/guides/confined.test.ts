import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startToolsWith } from '../../support/tools.js';
import { startConfined } from '../../support/confined.js';
import { EXAMPLES_DIRECTORY, textOf } from '../../support/examples.js';
import { STORE } from '../../support/nginx.js';

const TEMPORARY = ['--read-only', '--tmpfs', '/tmp'];

describe('as in the unprivileged image', async () => {
  const nginx = await startConfined(join(EXAMPLES_DIRECTORY, 'unprivileged.conf'), 8443, [
    ...['--user', '101:101', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'],
    ...[...TEMPORARY, '--tmpfs', `${STORE}:mode=0700,uid=101,gid=101`],
  ]);

  test('certificates are put, cleared and reloaded', async () => {
    await nginx.expectRotations();
  });
});

describe('nginx/systemd/sandbox.conf', async () => {
  const unit = textOf('systemd/sandbox.conf');
  const valuesOf = (key: string): string[] =>
    new RegExp(`^${key}=(.*)$`, 'm').exec(unit)?.[1]?.split(' ') ?? [];
  const capabilities = valuesOf('CapabilityBoundingSet').flatMap((name) => ['--cap-add', name]);
  // /run of the host is in memory, and what it has on disk is the image's.
  const writable = valuesOf('ReadWritePaths').map((path) =>
    path === '/run' ? ['--tmpfs', path] : ['--volume', path],
  );
  const nginx = await startConfined(join(EXAMPLES_DIRECTORY, 'nginx.conf'), 443, [
    ...['--cap-drop', 'ALL', ...capabilities, '--security-opt', 'no-new-privileges'],
    ...[...TEMPORARY, ...writable.flat()],
  ]);
  const tools = await startToolsWith(['--volume', `${EXAMPLES_DIRECTORY}:/examples:ro`]);

  test('leaves nginx what it writes to, and the capabilities it needs', async () => {
    const folder = ['install', '-d', '-m', '700', '-o', 'www-data', '-g', 'www-data', STORE];
    expect((await nginx.container.exec(folder)).code).toBe(0);
    await nginx.expectRotations();
    // Log files that are the workers'.
    expect((await nginx.container.exec(['nginx', '-e', 'stderr', '-s', 'reopen'])).code).toBe(0);
    await nginx.container.logged('reopening logs');
    expect(await nginx.container.log()).not.toMatch(/\[(warn|error|crit|alert|emerg)\]/);
  });

  test.skipIf(tools.areMissing)('is what systemd understands, and a sandbox', async () => {
    const script = `
      mkdir -p /run/systemd/system/nginx.service.d
      cd /run/systemd/system
      cp /examples/systemd/sandbox.conf nginx.service.d/
      printf '[Service]\\nType=forking\\nPIDFile=/run/nginx.pid\\nExecStart=/bin/true\\n' >nginx.service
      systemd-analyze verify ./nginx.service &&
      systemd-analyze security --offline=true --threshold=50 --no-pager ./nginx.service`;
    const { code, stdout, stderr } = await tools.run(['sh', '-c', script]);
    expect(stderr).toBe('');
    // Of 100: a service without any of this has 94.
    expect(code, stdout.split('\n').at(-2)).toBe(0);
  });
});
