import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createAuthority } from '../../support/certificates.js';
import { FakeEtcd } from '../../support/fake_etcd.js';
import { FollowingNode } from '../../support/following_node.js';
import { makeStore } from '../../support/stores.js';

const NAME = 'a.example';
const { pairPem } = await (await createAuthority()).issue({ names: [NAME] });

let folder: string;
let etcd: FakeEtcd;
let node: FollowingNode;

beforeEach(() => {
  vi.stubGlobal('njs', { version_number: 0x010000 });
  folder = mkdtempSync(join(tmpdir(), 'njs-cert-rotation-delete-'));
  makeStore(folder);
  etcd = new FakeEtcd();
  node = new FollowingNode(etcd, folder);
  node.variables['cert_store'] = join(folder, 'store');
});

afterEach(() => {
  vi.unstubAllGlobals();
  rmSync(folder, { recursive: true });
});

const store = (): string => join(folder, 'store');

describe.each([
  ['without etcd', false],
  ['through etcd', true],
])('a delete while the store is away, %s', (_, hasEtcd) => {
  beforeEach(async () => {
    if (!hasEtcd) delete node.variables['cert_etcd'];
    else await node.round();
    expect(await node.put(NAME, pairPem)).toBe(201);
    renameSync(store(), `${store()}.away`);
  });

  function putBack(): void {
    rmSync(store(), { recursive: true, force: true });
    renameSync(`${store()}.away`, store());
  }

  test.each([
    ['there is nothing in its place', (): void => undefined],
    [
      'another one is in its place',
      (): void => {
        mkdirSync(store(), { mode: 0o700 });
      },
    ],
  ])('is refused, and the name is there with the store: %s', async (__, replace) => {
    replace();
    expect(await node.delete(NAME)).toBe(500);
    expect(node.answer).toContain('store-failed');
    expect(node.answer).toContain('Nothing was changed');
    expect(node.answer).toContain(store());
    if (hasEtcd) expect(etcd.get(`/certs/${NAME}`)).toContain('BEGIN');
    putBack();
    await node.list();
    expect(node.answer).toContain(`"${NAME}"`);
    expect(await node.delete(NAME)).toBe(200);
    expect(await node.delete(NAME)).toBe(404);
  });

  test('is refused though the zone has nothing of the name any more', async () => {
    node.zone.delete(NAME);
    expect(await node.delete(NAME)).toBe(500);
    expect(node.answer).toContain('$cert_store');
    putBack();
    expect(await node.delete(NAME)).toBe(200);
  });
});

test('a detail that begins with a path or a variable has it as it is', async () => {
  delete node.variables['cert_etcd'];
  node.variables['cert_store'] = 'relative/store';
  expect(await node.put(NAME, pairPem)).toBe(500);
  expect((JSON.parse(node.answer) as { detail: string }).detail).toMatch(
    /^\$cert_store "relative\/store" cannot be used\. Nothing was changed\. /,
  );
  node.variables['cert_etcd'] = 'http://etcd';
  node.variables['cert_seal_key_file'] = 'conf/seal.key';
  expect(await node.put(NAME, pairPem)).toBe(503);
  expect((JSON.parse(node.answer) as { detail: string }).detail).toMatch(/^conf\/seal\.key: /);
});
