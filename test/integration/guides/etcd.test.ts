import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createAuthority } from '../../support/certificates.js';
import { openPage, pasteableBlocks, ROOT } from '../../support/documents.js';
import { hasEtcd } from '../../support/etcd.js';
import { makeWorkDirectory } from '../../support/nginx.js';
import { startTools } from '../../support/tools.js';
import { startCluster, until, untilServed } from '../../support/following.js';
import { startPutSite, type PutSite } from '../../support/putting.js';

// Runs on njs: commands for etcd are what is tested; test/integration/etcd has the engines.

// The page is followed from top to bottom, with an etcd that is not on nginx's own machine.

const PAGE = 'docs/etcd.md';
const page = openPage(PAGE);
const NAME = 'www.example.com';
const FOLDER = '/etc/nginx/etcd';
const IN_ETCD = `etcdctl --user "root:$(cat /root/etcd.password)"`;

const [put, del, putToNginx] = page.take('sh', 'Puts and deletes').map(({ text }) => text);
const [forNginx, forRoot] = page.take('sh', 'Access').map(({ text }) => text);
const [makeSealKey, seal] = page.take('sh', 'Sealed values').map(({ text }) => text);

describe.skipIf(!hasEtcd)(PAGE, async () => {
  if (!hasEtcd) return;
  const authority = await createAuthority();
  const cluster = await startCluster({ size: 1 });
  const { endpoint, containerId } = cluster.members[0]!;

  /** The blocks under some headings, for that etcd. */
  const confOf = (words: string, ...headings: string[]): string =>
    pasteableBlocks(PAGE)
      .filter(
        (block) =>
          block.language === 'nginx' &&
          block.words.join(' ') === words &&
          headings.includes(block.heading),
      )
      .map(({ text }) => text.replace('127.0.0.1:2379', endpoint))
      .join('\n');
  const start = (directory: string, ...headings: string[]): Promise<PutSite> =>
    startPutSite({
      authority,
      directory,
      mounts: { [FOLDER]: join(directory, 'etcd') },
      http: confOf('http', ...headings),
      admin: confOf('admin', 'The configuration'),
    });
  function makeDirectory(): string {
    const directory = makeWorkDirectory();
    mkdirSync(join(directory, 'etcd'));
    chmodSync(join(directory, 'etcd'), 0o755);
    return directory;
  }
  /** Copies what the page has made on etcd's machine to that of an nginx. */
  const copy = async (directory: string, name: string): Promise<void> => {
    const text = await cluster.sh(`base64 ${FOLDER}/${name}`);
    writeFileSync(join(directory, 'etcd', name), Buffer.from(text, 'base64'), { mode: 0o644 });
  };
  const issue = () => authority.issue({ names: [NAME] });
  const isServed = (node: PutSite): Promise<boolean> =>
    node.serial(NAME).then(
      () => true,
      () => false,
    );

  const node = await start(makeDirectory(), 'The configuration');
  const tools = await startTools(node.nginx);

  test('a pair is put into etcd, and deleted', async () => {
    const pair = await issue();
    await cluster.sh('cat >pair.pem', pair.pairPem);
    await cluster.sh(put!);
    await untilServed([node], NAME, pair.serial);
    await cluster.sh(del!);
    await until('it is not served', async () => !(await isServed(node)));
  });

  test.skipIf(tools.areMissing)('a pair is put into nginx, and is in etcd', async () => {
    const pair = await issue();
    const script = `cat >pair.pem <<'END'\n${pair.pairPem}END\n${putToNginx!}`;
    const { code, stdout } = await tools.run(['sh', '-c', script]);
    expect([code, JSON.parse(stdout)]).toEqual([
      0,
      expect.objectContaining({ source: 'etcd', serial: expect.anything() as string }),
    ]);
    expect(await cluster.sh(`etcdctl get /certs/${NAME} --print-value-only`)).toContain('BEGIN');
    expect(await node.serial(NAME)).toBe(pair.serial);
  });

  test('etcd asks for passwords, and nginx has one', async () => {
    await cluster.sh(`set -e\n${forNginx!}\n${forRoot!}`);
    expect(await cluster.sh(`stat -c '%a %G' ${FOLDER} ${FOLDER}/password`)).toBe(
      '750 www-data\n640 www-data\n',
    );
    await expect(cluster.sh(`etcdctl get /certs/${NAME}`)).rejects.toThrow();
    await until('it is refused', () =>
      /etcd: .*; the current pairs are still served/.test(node.nginx.log()),
    );
    const directory = makeDirectory();
    await copy(directory, 'password');
    const known = await start(directory, 'Access');
    const pair = await issue();
    await cluster.sh(`${IN_ETCD} put /certs/${NAME}`, pair.pairPem);
    await untilServed([known], NAME, pair.serial);
  });

  test('values are sealed by nginx and by the script', async () => {
    await cluster.sh(makeSealKey!);
    const other = makeDirectory();
    for (const name of ['password', 'seal.key']) await copy(other, name);
    const sealing = await start(other, 'Access', 'Sealed values');
    const first = await issue();
    expect((await sealing.put(NAME, first.pairPem)).status).toBeLessThan(204);
    const value = `${IN_ETCD} get /certs/${NAME} --print-value-only`;
    expect(await cluster.sh(value)).toMatch(/^sealed:1:/);

    // etcdctl is on the other machine, and asks for the password there.
    const second = await issue();
    const bin = join(other, 'bin');
    mkdirSync(bin);
    writeFileSync(
      join(bin, 'etcdctl'),
      `#!/bin/sh\nexec docker exec -i --env ETCDCTL_API=3 ${containerId} \\
        sh -c '${IN_ETCD} "$@"' etcdctl "$@"\n`,
      { mode: 0o755 },
    );
    const pair = join(other, 'pair.pem');
    writeFileSync(pair, second.pairPem);
    const script = seal!
      .replace('pair.pem', pair)
      .replace(`${FOLDER}/seal.key`, join(other, 'etcd/seal.key'));
    execFileSync('sh', ['-c', script], {
      cwd: ROOT,
      env: { ...process.env, PATH: `${bin}:${process.env['PATH'] ?? ''}` },
    });
    await untilServed([sealing], NAME, second.serial);
    expect(await cluster.sh(value)).toMatch(/^sealed:1:/);
  });
});
