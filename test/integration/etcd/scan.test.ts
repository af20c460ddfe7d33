import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Pair } from '../../support/certificates.js';
import { hasEtcd } from '../../support/etcd.js';
import { startCluster, startNode, until, untilServed } from '../../support/following.js';
import { PERIODIC } from '../../support/scanning.js';

const NAME = 'found.example';

interface Entry {
  serial: string;
  source: string;
  state: string;
  error: string | null;
}

describe.skipIf(!hasEtcd)('a name that a scan found, and that etcd comes to have', async () => {
  if (!hasEtcd) return;
  const cluster = await startCluster({ size: 1 });
  const node = await startNode(cluster, {
    admin: PERIODIC,
    // No scan comes by itself.
    settings: { scan: '/etc/nginx/certs/*.crt', check_interval: '600' },
  });

  const issue = (): Promise<Pair> => node.authority.issue({ names: [NAME] });

  async function writeFile(): Promise<Pair> {
    const pair = await issue();
    writeFileSync(join(node.nginx.certsDirectory, 'any.key.pem'), pair.keyPem);
    writeFileSync(join(node.nginx.certsDirectory, 'any.crt'), pair.chainPem);
    await node.clear();
    return pair;
  }

  const entry = async (): Promise<Entry> => JSON.parse((await node.get(NAME)).body) as Entry;

  const refusals = (): number => node.nginx.log().split(`${NAME}: malformed: `).length - 1;

  test('a value that is refused leaves what was found, is said once, and shown', async () => {
    const found = await writeFile();
    expect(await node.serial(NAME)).toBe(found.serial);
    await cluster.put(`/certs/${NAME}`, 'garbage');
    await until('it is shown', async () => (await entry()).error !== null);
    expect(await entry()).toMatchObject({
      serial: found.serial,
      source: 'disk',
      state: 'last-good',
      error: expect.stringMatching(/^malformed: /) as string,
    });
    expect(await node.serial(NAME)).toBe(found.serial);
    const renewed = await writeFile();
    expect(await node.serial(NAME)).toBe(renewed.serial);
    expect(await entry()).toMatchObject({ serial: renewed.serial, state: 'last-good' });
    // A clear has etcd read again.
    await cluster.put('/certs/other.example', 'garbage');
    await until('it was read', () => /other\.example: malf/.test(node.nginx.log()));
    expect(refusals()).toBe(1);
  });

  test('a pair of etcd wins, also over what is found later', async () => {
    const pair = await issue();
    await cluster.put(`/certs/${NAME}`, pair.pairPem);
    await untilServed([node], NAME, pair.serial);
    expect(await entry()).toMatchObject({ source: 'etcd', state: 'ok', error: null });
    await writeFile();
    expect(await node.serial(NAME)).toBe(pair.serial);
  });

  test('with the end of its key it is what was found again', async () => {
    const found = await writeFile();
    await cluster.etcdctl(`del /certs/${NAME}`);
    await untilServed([node], NAME, found.serial);
    expect(await entry()).toMatchObject({ source: 'disk', state: 'ok', error: null });
  });

  test('so it is with the end of a value that was refused', async () => {
    await cluster.put(`/certs/${NAME}`, 'garbage');
    await until('it is shown', async () => (await entry()).error !== null);
    await cluster.etcdctl(`del /certs/${NAME}`);
    await until('it is not', async () => (await entry()).error === null);
    expect(await entry()).toMatchObject({ source: 'disk', state: 'ok' });
  });
});
