import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { currentRuntime } from '../../setup/runtimes.js';
import { createAuthority } from '../../support/certificates.js';
import { hasEtcd } from '../../support/etcd.js';
import { makeWorkDirectory } from '../../support/nginx.js';
import { startCluster, startNode, until, untilServed } from '../../support/following.js';

// njs has it from 0.9.1 on, which came after the nginx that has this.
const hasState = currentRuntime().certificateCache;

describe.skipIf(!hasEtcd)('an nginx that starts while etcd is away', async () => {
  if (!hasEtcd) return;
  const cluster = await startCluster({ size: 1 });
  const authority = await createAuthority();
  const kept = await authority.issue({ names: ['kept.example'] });
  await cluster.put('/certs/kept.example', kept.pairPem);

  test('serves its files, says so, and takes what etcd has when it is back', async () => {
    await cluster.pause();
    let node;
    try {
      node = await startNode(cluster, { authority, names: ['file.example'] });
      expect(await node.serial('file.example')).toBe(node.serials['file.example']);
      await expect(node.serial('kept.example')).rejects.toThrow();
      const { nginx } = node;
      await until('it is said', () => nginx.log().includes('still served'));
    } finally {
      await cluster.resume();
    }
    await untilServed([node], 'kept.example', kept.serial);
  });

  test.skipIf(!hasState)('serves what the file of its zone has', async () => {
    const directory = makeWorkDirectory();
    const folder = join(directory, 'certs/state');
    mkdirSync(folder);
    chmodSync(folder, 0o777);
    const options = {
      authority,
      directory,
      zones: 'js_shared_dict_zone zone=certs:1m state=/etc/nginx/certs/state/certs.json;',
    };
    const node = await startNode(cluster, options);
    await untilServed([node], 'kept.example', kept.serial);
    const file = join(folder, 'certs.json');
    await until(
      'it is saved',
      () => existsSync(file) && readFileSync(file, 'utf8').includes('"kept.example"'),
    );
    await node.nginx.stop();
    await cluster.pause();
    try {
      const again = await startNode(cluster, options);
      expect(await again.serial('kept.example')).toBe(kept.serial);
      const { body } = await again.get('kept.example');
      expect(JSON.parse(body)).toMatchObject({ source: 'etcd', state: 'ok' });
    } finally {
      await cluster.resume();
    }
  });
});
