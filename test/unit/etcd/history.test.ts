import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { readHistory } from '../../../src/disk/entries.js';
import { versionPath, type Store } from '../../../src/disk/store.js';
import { historyIdFor, keepHistory } from '../../../src/etcd/history.js';
import { js_pair } from '../../../src/handshake.js';
import { createAuthority } from '../../support/certificates.js';
import { FakeEtcd } from '../../support/fake_etcd.js';
import { FakeZone } from '../../support/fake_zone.js';
import { FollowingNode } from '../../support/following_node.js';
import { positionAt, rangeAt } from '../../support/positions.js';
import { entryOf, failOf, makeStore } from '../../support/stores.js';

const PREFIX = '/certs/';
const NAME = 'a.w.example';
const authority = await createAuthority();
const { pairPem, chainPem, keyPem } = await authority.issue({ names: ['*.w.example'] });

let folder: string;
let store: Store;
let etcd: FakeEtcd;
let node: FollowingNode;

beforeEach(() => {
  vi.stubGlobal('njs', { version_number: 0x010000 });
  folder = mkdtempSync(join(tmpdir(), 'njs-cert-rotation-history-'));
  store = makeStore(folder);
  etcd = new FakeEtcd();
  node = startNode();
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  rmSync(folder, { recursive: true });
});

/** Starts an nginx on the store. */
function startNode(): FollowingNode {
  const started = new FollowingNode(etcd, folder);
  started.variables['cert_store'] = join(folder, 'store');
  return started;
}

/** Ends an nginx, and with it its zone, and starts it again. */
function restart(): void {
  node.zone = new FakeZone();
}

/** Whether a handshake for a name is served. */
function isServed(name: string, by = node): boolean {
  by.isOn();
  const variables = { ...by.variables, ssl_server_name: name };
  return js_pair({ variables, log: () => undefined, error: () => undefined }) !== 'data:';
}

/** Puts names into etcd, and has them served. */
async function follow(...names: string[]): Promise<void> {
  for (const name of names) etcd.put(PREFIX + name, pairPem);
  await node.round();
  expect(names.map((name) => isServed(name))).not.toContain(false);
}

describe('a key that was deleted while nginx was down', () => {
  test.each([
    ['before any handshake', (): void => undefined],
    [
      'though a handshake was served before the first round',
      (): void => {
        expect(isServed(NAME)).toBe(true);
      },
    ],
  ])('takes its pair away, %s', async (_, meanwhile) => {
    await follow(NAME, 'b.w.example');
    restart();
    etcd.del(PREFIX + NAME);
    meanwhile();
    await node.round();
    expect([isServed(NAME), isServed('b.w.example')]).toEqual([false, true]);
    expect(node.log.join()).toContain(`${NAME}: deleted in etcd, and removed here`);
    restart();
    expect(isServed(NAME)).toBe(false);
  });

  test('takes the pair away that was put through this nginx', async () => {
    await node.round();
    expect(await node.put(NAME, pairPem)).toBe(201);
    await node.round();
    restart();
    etcd.del(PREFIX + NAME);
    await node.round();
    expect(isServed(NAME)).toBe(false);
  });

  test('as many others, they all go, in as many rounds as that takes', async () => {
    const names = Array.from({ length: 40 }, (_, i) => `n${i}.w.example`);
    await follow(...names);
    restart();
    names.forEach((name) => {
      etcd.del(PREFIX + name);
    });
    await node.round(100);
    expect(names.filter((name) => isServed(name))).toEqual([]);
  });

  test('says nothing of names that were put without etcd, or that have files', async () => {
    const { cert_etcd } = node.variables;
    delete node.variables['cert_etcd'];
    expect(await node.put('put.w.example', pairPem)).toBe(201);
    writeFileSync(join(folder, 'file.w.example.cert.pem'), chainPem);
    writeFileSync(join(folder, 'file.w.example.key.pem'), keyPem);
    expect(isServed('file.w.example')).toBe(true);
    node.variables['cert_etcd'] = cert_etcd!;
    await follow(NAME);
    restart();
    etcd.del(PREFIX + NAME);
    await node.round();
    const served = [NAME, 'put.w.example', 'file.w.example'].map((name) => isServed(name));
    expect(served).toEqual([false, true, true]);
  });
});

test('a key that is deleted while the store is away takes its pair away when that is back', async () => {
  await follow(NAME, 'b.w.example');
  const path = join(folder, 'store');
  renameSync(path, `${path}.away`);
  isServed(NAME);
  etcd.del(PREFIX + NAME);
  await node.round();
  renameSync(`${path}.away`, path);
  await node.round();
  expect([isServed(NAME), isServed('b.w.example')]).toEqual([false, true]);
});

describe('nothing is removed after a start', () => {
  beforeEach(async () => {
    await follow(NAME);
    restart();
  });

  /** Has etcd grow far beyond any revision that it had. */
  const grow = (): void => {
    for (let i = 0; i < 20; i++) etcd.put('/other/key', '');
  };

  test.each([
    [
      'while etcd is away',
      (): void => {
        etcd.answer = '<html>';
      },
    ],
    [
      'where etcd is another one',
      (): void => {
        node.etcd = etcd = new FakeEtcd();
        etcd.cluster = '8';
        grow();
      },
    ],
    [
      'where etcd is empty, and has the cluster of before',
      (): void => {
        node.etcd = etcd = new FakeEtcd();
      },
    ],
    [
      'where etcd has lost elections',
      (): void => {
        node.etcd = etcd = new FakeEtcd();
        etcd.term = 1;
        grow();
      },
    ],
    [
      'where the prefix is another one',
      (): void => {
        node.variables['cert_etcd_prefix'] = '/elsewhere/';
      },
    ],
    [
      'where the note of the history is damaged',
      (): void => {
        rmSync(join(store.root, 'etcd'));
        writeFileSync(join(store.root, 'etcd'), 'x');
        etcd.del(PREFIX + NAME);
      },
    ],
  ])('%s, nor after the next one', async (_, change) => {
    change();
    await node.round();
    expect(isServed(NAME)).toBe(true);
    await node.round();
    grow();
    restart();
    await node.round();
    expect(isServed(NAME)).toBe(true);
  });

  test('of a pair that another nginx on the store has put since the keys were listed', async () => {
    const other = startNode();
    await other.round();
    let isDone = false;
    etcd.after = async (path) => {
      // The first listing of keys: it is the second request for a range.
      if (isDone || path !== '/v3/kv/range' || node.zone.get('#etcd:state') === undefined) return;
      isDone = true;
      expect(await other.put('b.w.example', pairPem)).toBe(201);
      node.isOn();
    };
    await node.round(1);
    expect(isDone).toBe(true);
    expect(entryOf(store, 'b.w.example').meta.source).toBe('etcd');
    await node.round();
    expect([isServed('b.w.example'), isServed('b.w.example', other)]).toEqual([true, true]);
  });
});

test('a pair whose version is not in the store is read again from etcd', async () => {
  await follow(NAME);
  restart();
  rmSync(versionPath(store, entryOf(store, NAME).version));
  expect(await node.list()).toBe(200);
  expect(node.zone.get(NAME)).toBeDefined();
  await node.round();
  expect(isServed(NAME)).toBe(true);
});

describe('the note of the history', () => {
  const history = { cluster: '7', term: 2, revision: 5 };
  const access = { url: '', prefix: PREFIX, user: '', passwordFile: '', sealKeyFile: '' };
  const idNow = (more: Partial<typeof history> = {}, ended = ''): string =>
    historyIdFor(store, { ...access, zone: node.zone }, { ...history, ...more }, ended);
  const noted = (): unknown => JSON.parse(readHistory(store) ?? 'null');

  beforeEach(() => {
    keepHistory(store, positionAt([rangeAt(3), rangeAt(6)]), 5, true);
  });

  test('has the newest revision that is known', () => {
    expect(noted()).toEqual({ ...history, revision: 6, prefix: PREFIX, historyId: 'h' });
    keepHistory(store, positionAt([rangeAt(0)]), 9, false);
    expect(noted()).toMatchObject({ revision: 9 });
    keepHistory(store, positionAt([rangeAt(0)]), 8, false);
    expect(noted()).toMatchObject({ revision: 9 });
    keepHistory(store, { ...positionAt([rangeAt(0)]), term: 3 }, 8, false);
    expect(noted()).toMatchObject({ revision: 9, term: 3 });
  });

  test.each([
    ['goes on with it', { revision: 6 }, '', true],
    ['has a later leader', { revision: 6, term: 3 }, '', true],
    ['has lost revisions', {}, '', false],
    ['has lost elections', { revision: 6, term: 1 }, '', false],
    ['is another one', { revision: 6, cluster: '8' }, '', false],
    ['was found to be restored', { revision: 6 }, 'h', false],
  ])('is that of an etcd or not: it %s', (_, more, ended, isSame) => {
    expect(idNow(more, ended) === 'h').toBe(isSame);
  });

  test('is replaced by another one when that begins, and not by turns', () => {
    const other = { ...positionAt([rangeAt(1)]), historyId: 'i', prefix: '/b/' };
    keepHistory(store, other, 1, false);
    expect(noted()).toMatchObject({ historyId: 'h' });
    keepHistory(store, other, 1, true);
    expect(noted()).toMatchObject({ historyId: 'i', prefix: '/b/', revision: 1 });
  });

  test('that cannot be written is done without', () => {
    failOf('symlinkSync');
    keepHistory(store, positionAt([rangeAt(7)]), 7, false);
    expect(noted()).toMatchObject({ revision: 6 });
    expect(historyIdFor(undefined, { ...access, zone: node.zone }, { ...history }, '')).not.toBe(
      'h',
    );
  });
});
