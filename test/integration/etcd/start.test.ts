import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { run } from '../../setup/command.js';
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

describe.skipIf(!hasEtcd)('an nginx with a store that is killed and started again', async () => {
  if (!hasEtcd) return;
  const cluster = await startCluster({ size: 1 });
  const directory = makeWorkDirectory();
  const authority = await createAuthority();
  const options = { authority, directory, store: true, names: ['file.example'] };
  const first = await startNode(cluster, options);

  test('serves no name any more that was deleted in etcd meanwhile, and all others', async () => {
    const names = ['gone.example', 'kept.example', 'through.example'];
    const pairs = await Promise.all(names.map((name) => authority.issue({ names: [name] })));
    const [gone, kept, through] = pairs.map(({ pairPem }) => pairPem);
    await cluster.put('/certs/gone.example', gone!);
    await cluster.put('/certs/kept.example', kept!);
    expect((await first.put('through.example', through!)).status).toBe(201);
    await untilServed([first], 'gone.example', pairs[0]!.serial);
    await untilServed([first], 'kept.example', pairs[1]!.serial);
    await run('docker', ['kill', first.nginx.containerId]);
    await first.nginx.stop();
    await cluster.etcdctl('del /certs/gone.example');
    await cluster.etcdctl('del /certs/through.example');
    const again = await startNode(cluster, { ...options, names: [] });
    for (const name of ['gone.example', 'through.example']) {
      await until(`${name} is dropped`, async () => (await again.get(name)).status === 404);
      await expect(again.serial(name)).rejects.toThrow();
    }
    expect(await again.serial('kept.example')).toBe(pairs[1]!.serial);
    expect(await again.serial('file.example')).toBe(first.serials['file.example']);
    first.expectNoKeyShown();
  });
});
