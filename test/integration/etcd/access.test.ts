import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createAuthority } from '../../support/certificates.js';
import { hasEtcd } from '../../support/etcd.js';
import { makeWorkDirectory } from '../../support/nginx.js';
import { EXAMPLES_DIRECTORY, textOf } from '../../support/examples.js';
import { startCluster, until, untilServed } from '../../support/following.js';
import { expectProblem, startPutSite } from '../../support/putting.js';

// nginx/etcd.conf as it is copied, but for the addresses: TLS with certificates of both sides, a password, sealed values.

const NAME = 'sealed.example';
const PASSWORD = 'a password, of nginx';
const FOLDER = '/etc/nginx/etcd';

/** A client certificate without a Common Name: etcd's gateway takes no other. */
function clientPem(): { certPem: string; keyPem: string } {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', '-'];
  const certificate = ['-subj', '/O=nginx', '-days', '9', '-out', '-'];
  const text = execFileSync('openssl', ['req', '-x509', ...key, ...certificate], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const at = text.indexOf('-----BEGIN CERTIFICATE');
  return { certPem: text.slice(at), keyPem: text.slice(0, at) };
}

describe.skipIf(!hasEtcd)('nginx/etcd.conf', async () => {
  if (!hasEtcd) return;
  const internal = await createAuthority();
  const server = await internal.issue({ names: ['etcd.internal'] });
  const client = clientPem();
  const cluster = await startCluster({
    size: 1,
    tls: server,
    files: { '/ca.pem': client.certPem + internal.rootPem },
    options: '--client-cert-auth --trusted-ca-file /ca.pem',
  });
  await cluster.sh(`set -e
    etcdctl role add certs
    etcdctl role grant-permission --prefix=true certs readwrite /certs/
    etcdctl user add 'nginx:${PASSWORD}'
    etcdctl user grant-role nginx certs
    etcdctl user add root:root
    etcdctl user grant-role root root
    etcdctl auth enable`);
  const asRoot = '--user root:root';

  const authority = await createAuthority();
  const directory = makeWorkDirectory();
  const folder = join(directory, 'etcd');
  mkdirSync(folder);
  chmodSync(folder, 0o755);
  const write = (name: string, content: string | Buffer): void => {
    writeFileSync(join(folder, name), content, { mode: 0o644 });
  };
  write('ca.pem', internal.rootPem);
  write('client.pem', client.certPem);
  write('client.key', client.keyPem);
  write('password', 'another password\n');
  write('seal.key', randomBytes(32));
  const node = await startPutSite({
    authority,
    directory,
    mounts: { [FOLDER]: folder },
    http: textOf('etcd.conf')
      .replace(/^ *server 192\.0\.2\.1:2379 /m, `server ${cluster.members[0]!.endpoint} `)
      .replace(/^ *server 192\..*$/gm, '')
      .replace('# js_var $cert_seal_key_file', 'js_var $cert_seal_key_file'),
  });

  const issue = () => authority.issue({ names: [NAME] });
  const seal = (name: string, text: string, key = join(folder, 'seal.key')): string =>
    execFileSync('node', [join(EXAMPLES_DIRECTORY, 'etcd/seal.mjs'), key, name], {
      input: text,
      encoding: 'utf8',
    });
  const inEtcd = (): Promise<string> =>
    cluster.etcdctl(`get /certs/${NAME} --print-value-only ${asRoot}`);

  test('a wrong password is said, changes nothing, and the right one is read without a reload', async () => {
    const pair = await issue();
    await until('it is said', () => /etcd: .*authentication failed/.test(node.nginx.log()));
    expectProblem(await node.put(NAME, pair.pairPem), [503, 'store-unavailable', /authentication/]);
    expect((await node.get(NAME)).status).toBe(404);
    write('password', `${PASSWORD}\n`);
    await until('it is taken', () => /etcd answers again/.test(node.nginx.log()));
    expect(node.nginx.log()).not.toContain(PASSWORD);
  });

  test('what is put is sealed in etcd, and served', async () => {
    const pair = await issue();
    expect((await node.put(NAME, pair.pairPem)).status).toBe(201);
    expect(await node.serial(NAME)).toBe(pair.serial);
    expect(await inEtcd()).toMatch(/^sealed:1:[A-Za-z0-9+/]+=*\n$/);
    const { headers } = await node.get(NAME);
    const next = await issue();
    const tag = { 'If-Match': String(headers['etag']) };
    expect((await node.put(NAME, next.pairPem, tag)).status).toBeLessThan(204);
    expect(await node.serial(NAME)).toBe(next.serial);
  });

  test('what the script seals is served', async () => {
    const pair = await issue();
    await cluster.etcdctl(`put /certs/${NAME} ${asRoot}`, seal(NAME, pair.pairPem));
    await untilServed([node], NAME, pair.serial);
  });

  test('what does not open is refused, and the last good pair stays', async () => {
    const serial = await node.serial(NAME);
    const { pairPem } = await issue();
    write('other.key', randomBytes(32));
    const values: [string, string][] = [
      ['is not sealed', pairPem],
      ['with another key, or for another name', seal('other.example', pairPem)],
      ['with another key, or for another name', seal(NAME, pairPem, join(folder, 'other.key'))],
      ['with another key, or for another name', seal(NAME, pairPem).slice(0, 60)],
      ['with another key, or for another name', 'sealed:1:'],
    ];
    for (const [why, value] of values) {
      const good = await issue();
      await cluster.etcdctl(`put /certs/${NAME} ${asRoot}`, seal(NAME, good.pairPem));
      await untilServed([node], NAME, good.serial);
      await cluster.etcdctl(`put /certs/${NAME} ${asRoot}`, value);
      await until(`it ${why}`, async () => {
        const { error } = JSON.parse((await node.get(NAME)).body) as { error: string | null };
        return error?.startsWith('bad-seal: ') === true && error.includes(why);
      });
      expect(await node.serial(NAME)).toBe(good.serial);
    }
    expect(serial).not.toBe('');
  });

  test('a change of the users outdates the token, and it is asked for again', async () => {
    const pair = await issue();
    await cluster.etcdctl(`user add somebody:x ${asRoot}`);
    await cluster.etcdctl(`put /certs/${NAME} ${asRoot}`, seal(NAME, pair.pairPem));
    await untilServed([node], NAME, pair.serial);
  });

  test('without the right to it nothing is read', async () => {
    await cluster.etcdctl(`role revoke-permission --prefix=true certs /certs/ ${asRoot}`);
    await until('it is said', () => /etcd: .*permission denied/.test(node.nginx.log()));
  });

  test('neither keys nor the password stand in the log', () => {
    expect(node.nginx.log()).not.toContain('-----BEGIN');
    expect(node.nginx.log()).not.toContain(PASSWORD);
    node.expectNoKeyShown();
  });
});
