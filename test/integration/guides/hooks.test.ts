import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { HOOKS, startAcmeHost, type Output } from '../../support/acme.js';
import { type Pair } from '../../support/certificates.js';
import { findKeyTraces } from '../../support/key_traces.js';
import { makeWorkDirectory } from '../../support/nginx.js';
import { startSite } from '../../support/site.js';
import { describeWithAcme } from '../../support/with_acme.js';

// Runs on njs: shell scripts are what is tested, whatever engine nginx has.

const NAMES = ['www.example.com', '*.example.com'];
/** No waiting, where nginx is not to answer. */
const IMPATIENT = { CERT_ROTATION_ATTEMPTS: '3', CERT_ROTATION_PAUSE: '0' };
/** What `openssl passwd -6 -salt example secret` prints. */
const HASH =
  '$6$example$Z2BOPPqODeg10rq9Dg9xjwOP57RlTvNbCypS2CVVvr5g7mvAZvYrTjfUv.nqLdz0ZMFW2W0B6Him2RZ9h0vIx/';

describeWithAcme('hooks', async () => {
  const directory = makeWorkDirectory();
  const site = await startSite({
    directory,
    files: { passwords: `deployer:${HASH}\n` },
    admin: 'location /broken/ { return 503; }',
    http: `
      server {
        listen 127.0.0.1:8081;
        auth_basic certificates;
        auth_basic_user_file /etc/nginx/certs/passwords;
        location /certs/ { js_content certs.admin; }
      }`,
  });
  const host = await startAcmeHost({
    nginx: site.nginx,
    mounts: { '/run/nginx': join(directory, 'run') },
  });
  afterAll(() => host.stop());
  // What comes before curl on the PATH, and tells what it was called with.
  await host.run(`mkdir /spy; cat >/spy/curl <<'END'
#!/bin/sh
printf '%s\\n' "curl $*" >>/spy/calls
exec /usr/bin/curl "$@"
END
chmod 755 /spy/curl`);

  /** Issues a pair, in files that nobody but root may read. */
  async function write(names: string[], notAfter?: Date): Promise<Pair> {
    const past = new Date(Date.now() - 86_400_000 * 2);
    const pair = await site.authority.issue(
      notAfter ? { names, notBefore: past, notAfter } : { names },
    );
    // As some write it: the last line of the chain has no end.
    const { chainPem, keyPem } = pair;
    await host.run(
      `umask 077; printf %s "$CHAIN" >/root/chain.pem; printf %s "$KEY" >/root/key.pem`,
      { CHAIN: chainPem.trimEnd(), KEY: keyPem },
    );
    return pair;
  }

  const deploy = (env: Record<string, string> = {}): Promise<Output> =>
    host.sh(`${HOOKS}/deploy /root/chain.pem /root/key.pem`, env);

  /** What curl was called with since the last look. */
  const calls = async (): Promise<string[]> =>
    (await host.run('cat /spy/calls; rm /spy/calls')).trim().split('\n');

  const SPIED = { PATH: '/spy:/usr/bin:/bin' };

  test('puts a pair for all names of its certificate', async () => {
    const pair = await write(NAMES);
    const { exitCode, stdout, stderr } = await deploy(SPIED);
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(
      /^cert-rotation: nginx serves www\.example\.com, \*\.example\.com, valid until 20\d\d-.*Z\n$/,
    );
    for (const name of ['www.example.com', 'a.example.com']) {
      expect(await site.serial(name)).toBe(pair.serial);
    }
    const called = await calls();
    expect(called).toHaveLength(1);
    expect(findKeyTraces(called.join('\n'), [pair.keyPem])).toHaveLength(0);
  });

  test('clears', async () => {
    const pair = await site.renew('disk.example');
    expect(await site.serial('disk.example')).toBe(pair.serial);
    const { serial } = await site.renew('disk.example');
    await write(NAMES);
    const { exitCode, stdout } = await deploy({ CERT_ROTATION_MODE: 'clear' });
    expect([exitCode, stdout]).toEqual([0, 'cert-rotation: nginx reads its files again\n']);
    expect(await site.serial('disk.example')).toBe(serial);
  });

  test('takes a file with chain and key', async () => {
    const { serial } = await write(NAMES);
    await host.run(`
      (cat /root/chain.pem; echo; cat /root/key.pem) >/root/pair.pem
      ${HOOKS}/deploy /root/pair.pem /root/pair.pem`);
    expect(await site.serial('www.example.com')).toBe(serial);
  });

  test('shows why nginx refuses a pair, asks it once, and exits with 1', async () => {
    const { serial } = await write(NAMES);
    await deploy();
    await write(NAMES, new Date(Date.now() - 86_400_000));
    const { exitCode, stdout, stderr } = await deploy({ ...IMPATIENT, ...SPIED });
    expect([exitCode, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(
      /^cert-rotation: nginx refuses \/root\/chain\.pem: 422 \{.*"expired".*\}\n$/,
    );
    expect(await calls()).toHaveLength(1);
    expect(await site.serial('www.example.com')).toBe(serial);
  });

  test('asks an nginx that fails again, and exits with 1', async () => {
    await write(NAMES);
    const env = { ...IMPATIENT, ...SPIED, CERT_ROTATION_URL: 'http://localhost/broken' };
    const { exitCode, stderr } = await deploy(env);
    expect([exitCode, stderr]).toEqual([
      1,
      expect.stringMatching(/^cert-rotation: nginx fails with \/root\/chain\.pem: 503 /),
    ]);
    expect(await calls()).toHaveLength(3);
  });

  test('gives up where nothing answers, and exits with 3', async () => {
    await write(NAMES);
    const env = { ...IMPATIENT, ...SPIED, CERT_ROTATION_SOCKET: '/run/nginx/no.sock' };
    const { exitCode, stderr } = await deploy(env);
    expect([exitCode, stderr]).toEqual([
      3,
      expect.stringMatching(
        /^cert-rotation: nginx does not answer, asked 3 times: curl: \(7\) .+\n$/,
      ),
    ]);
    expect(await calls()).toHaveLength(3);
  });

  test('waits for an nginx that comes up', async () => {
    const { serial } = await write(NAMES);
    await host.run(`
      mv /run/nginx/cert-admin.sock /run/nginx/away.sock
      (sleep 1; mv /run/nginx/away.sock /run/nginx/cert-admin.sock) &
      CERT_ROTATION_ATTEMPTS=60 CERT_ROTATION_PAUSE=1 ${HOOKS}/deploy /root/chain.pem /root/key.pem`);
    expect(await site.serial('www.example.com')).toBe(serial);
  });

  test('reaches nginx by a URL, with a password that is on no command line', async () => {
    const { serial } = await write(NAMES);
    const remote = { CERT_ROTATION_SOCKET: '', CERT_ROTATION_URL: 'http://127.0.0.1:8081' };
    expect(await deploy(remote)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining(': 401 ') as string,
    });
    await host.run(`printf 'user = "deployer:secret"\\n' >/root/curl.conf`);
    await host.run(`${HOOKS}/deploy /root/chain.pem /root/key.pem`, {
      ...remote,
      CERT_ROTATION_CURL: '/root/curl.conf',
    });
    expect(await site.serial('www.example.com')).toBe(serial);
  });

  test.each([
    ['deploy', 'usage: deploy CHAIN KEY'],
    ['deploy /root/none /root/key.pem', '/root/none cannot be read'],
    ['deploy /root/chain.pem /root', '/root cannot be read'],
    ['certbot', 'RENEWED_LINEAGE'],
    ['RENEWED_LINEAGE=/root/none certbot', '/root/none/fullchain.pem cannot be read'],
    ['lego', 'LEGO_CERT_PATH'],
    ['acme.sh', 'CERT_FULLCHAIN_PATH'],
    ['dehydrated deploy_cert www.example.com', 'usage: dehydrated'],
    ['CERT_ROTATION_MODE=reload deploy /root/chain.pem /root/key.pem', 'neither put nor clear'],
    ['CERT_ROTATION_ATTEMPTS=x deploy /root/chain.pem /root/key.pem', 'x is no number'],
    ['CERT_ROTATION_PAUSE=1s deploy /root/chain.pem /root/key.pem', '1s is no number'],
  ])('%s: exits with 2', async (call, message) => {
    const { exitCode, stdout, stderr } = await host.sh(`PATH=${HOOKS}:$PATH; ${call}`);
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
  });

  test.each([
    ['certbot', 'RENEWED_LINEAGE=/root/pair'],
    ['lego', 'LEGO_CERT_PATH=/root/pair/fullchain.pem LEGO_CERT_KEY_PATH=/root/pair/privkey.pem'],
    [
      'lego',
      'LEGO_HOOK_CERT_PATH=/root/pair/fullchain.pem LEGO_HOOK_CERT_KEY_PATH=/root/pair/privkey.pem',
    ],
    [
      'acme.sh',
      'CERT_FULLCHAIN_PATH=/root/pair/fullchain.pem CERT_KEY_PATH=/root/pair/privkey.pem',
    ],
  ])('the one for %s, called through a link', async (hook, env) => {
    const { serial } = await write(NAMES);
    await host.run(`
      mkdir -p /root/pair
      mv /root/chain.pem /root/pair/fullchain.pem; mv /root/key.pem /root/pair/privkey.pem
      ln -sf ${HOOKS}/${hook} /root/hook
      ${env} /root/hook`);
    expect(await site.serial('www.example.com')).toBe(serial);
  });

  test('the one for dehydrated does nothing when a certificate is not what it is about', async () => {
    for (const call of ['startup_hook', 'exit_hook ""', 'generate_csr a b c', 'unknown', '']) {
      const silence = { exitCode: 0, stdout: '', stderr: '' };
      expect(await host.sh(`${HOOKS}/dehydrated ${call}`)).toMatchObject(silence);
    }
  });

  test.each(['dash', 'bash --posix', 'busybox sh'])('run under %s', async (shell) => {
    const { serial } = await write(NAMES);
    await host.run(`${shell} ${HOOKS}/deploy /root/chain.pem /root/key.pem`);
    expect(await site.serial('www.example.com')).toBe(serial);
  });

  test('shellcheck has nothing to say', async () => {
    const { stdout } = await host.sh(`shellcheck ${HOOKS}/*`);
    expect(stdout).toBe('');
  });

  test('no key stands in the log', () => {
    expect(site.nginx.log()).not.toContain('-----BEGIN');
  });
});
