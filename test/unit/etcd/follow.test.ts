import { X509Certificate } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  afterAll,
  afterEach,
  beforeEach,
  describe,
  expect,
  test,
  vi,
  type MockInstance,
} from 'vitest';
import { makeRecord, readMeta, withMeta } from '../../../src/zone/record.js';
import { createAuthority, type Pair } from '../../support/certificates.js';
import { FakeEtcd } from '../../support/fake_etcd.js';
import { fullError } from '../../support/fake_zone.js';
import { FollowingNode } from '../../support/following_node.js';
import { FIRST_TOKEN } from '../../../src/zone/clear_token.js';
import { putRecord } from '../../../src/zone/slots.js';

// What comes between two requests of a round, or of a put, at a time of the test's choice.

const PREFIX = '/certs/';
const authority = await createAuthority();
const issue = (...names: string[]): Promise<Pair> => authority.issue({ names });
const [first, second, third] = [
  await issue('a.example'),
  await issue('a.example'),
  await issue('a.example'),
];
const wild = await issue('*.w.example');
const PAIRS: Record<string, Pair> = { first, second, third, wild };

const folder = mkdtempSync(join(tmpdir(), 'njs-cert-rotation-follow-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

let etcd: FakeEtcd;
let log: string[];

let node: FollowingNode;

/** Which of the test's pairs is held under a key of the zone. */
function held(slot: string): string | undefined {
  const record = node.zone.get(slot) ?? '';
  return Object.keys(PAIRS).find((name) => record.includes(PAIRS[name]!.certPem));
}

beforeEach(() => {
  vi.stubGlobal('njs', { version_number: 0x010000 });
  etcd = new FakeEtcd();
  node = new FollowingNode(etcd, folder);
  log = node.log;
});

afterEach(() => {
  vi.unstubAllGlobals();
});

describe('a name that is new and gone again', () => {
  beforeEach(async () => {
    etcd.put(`${PREFIX}other.example`, (await issue('other.example')).pairPem);
    await node.round();
  });

  test('put through this node, deleted elsewhere before its next round', async () => {
    expect(await node.put('a.example', first.pairPem)).toBe(201);
    expect(held('a.example')).toBe('first');
    etcd.del(`${PREFIX}a.example`);
    await node.round();
    expect(held('a.example')).toBeUndefined();
  });

  test('taken in a round that was ended after that', async () => {
    etcd.put(`${PREFIX}a.example`, first.pairPem);
    etcd.put(`${PREFIX}b.w.example`, wild.pairPem);
    const set = node.zone.set.bind(node.zone);
    // nginx ends a round that takes too long without a word.
    let isOver = false;
    const now = vi.spyOn(Date, 'now');
    node.zone.set = (key, value) => {
      if (key === 'a.example') {
        isOver = true;
        const later = Date.now() + 1000;
        now.mockImplementation(() => later);
      }
      return set(key, value);
    };
    await node.round(1);
    now.mockRestore();
    node.zone.set = set;
    expect(isOver).toBe(true);
    expect(held('a.example')).toBe('first');
    etcd.del(`${PREFIX}a.example`);
    await node.round();
    expect(held('a.example')).toBeUndefined();
    expect(held('b.w.example')).toBe('wild');
  });
});

test('a put that has no room takes back nothing that somebody else has put meanwhile', async () => {
  etcd.put(`${PREFIX}a.example`, first.pairPem);
  await node.round();
  etcd.before = (_, asks) => {
    // The put has looked at the key, and has not written it.
    if (asks !== asked + 2) return;
    etcd.put(`${PREFIX}a.example`, second.pairPem);
    node.zone.room = 0;
    node.zone.set = () => {
      throw fullError();
    };
  };
  const asked = etcd.asked.length;
  expect(await node.put('a.example', third.pairPem)).toBe(507);
  expect(etcd.get(`${PREFIX}a.example`)).toBe(second.pairPem);
  expect(held('a.example')).toBe('first');
});

describe('an answer that is long in coming', () => {
  const LOCK_LIFETIME_MS = 5000;
  let now: MockInstance<typeof Date.now> | undefined;

  beforeEach(async () => {
    etcd.put(`${PREFIX}a.example`, third.pairPem);
    await node.round();
    etcd.put(`${PREFIX}a.example`, first.pairPem);
  });

  afterEach(() => {
    now?.mockRestore();
  });

  /** Does something once the values have been read, and before they are taken. */
  function meanwhile(work: () => Promise<void>): void {
    const before = etcd.asked.length;
    etcd.after = async (_, asks) => {
      if (asks === before + 2) await work();
    };
  }

  test('does not bring back what was before a put', async () => {
    meanwhile(async () => {
      const later = Date.now() + LOCK_LIFETIME_MS + 1;
      now = vi.spyOn(Date, 'now').mockImplementation(() => later);
      expect(await node.put('a.example', second.pairPem)).toBe(200);
      now.mockRestore();
    });
    await node.round(1);
    expect(held('a.example')).toBe('second');
    expect(node.failure).toContain('took too long');
  });

  test('is not taken for that of a restored etcd', async () => {
    const historyId = (): unknown =>
      (JSON.parse(node.zone.get('#etcd:state')!) as { historyId: unknown }).historyId;
    const before = historyId();
    const asked = etcd.asked.length;
    etcd.after = async (_, asks) => {
      if (asks !== asked + 1) return;
      // Another worker.
      etcd.put(`${PREFIX}a.example`, second.pairPem);
      await node.round();
    };
    await node.round(1);
    expect(held('a.example')).toBe('second');
    expect(historyId()).toBe(before);
  });
});

describe('what is none of ours', () => {
  const FOREIGN = 400;
  /** More than there are keys in an answer. */
  const MANY = 1100;

  beforeEach(async () => {
    etcd.put(`${PREFIX}a.example`, first.pairPem);
    await node.round();
  });

  test(`${FOREIGN} keys that are no names are said in a line, and hold up nothing`, async () => {
    for (let i = 0; i < FOREIGN; i++) etcd.put(`${PREFIX}1/${i}`, '');
    etcd.put(`${PREFIX}a.example`, second.pairPem);
    await node.round(3);
    expect(held('a.example')).toBe('second');
    expect(log.filter((line) => line.includes('no server name'))).toEqual([
      `error: cert_rotation: etcd has the key "1/0", which is no server name, nor a wildcard, and ${FOREIGN - 1} more like it`,
    ]);
  });

  test(`${MANY} keys of other bytes than those of UTF-8`, async () => {
    for (let i = 0; i < MANY; i++) etcd.put(`${PREFIX}\xff${i}`, '');
    await node.round();
    const { ranges } = JSON.parse(node.zone.get('#etcd:state')!) as { ranges: unknown[] };
    expect(ranges).toHaveLength(3);
    etcd.del(`${PREFIX}\xff0`);
    etcd.put(`${PREFIX}a.example`, second.pairPem);
    await node.round(1);
    expect(held('a.example')).toBe('second');
  });

  test('the key of a file that a scan has found', async () => {
    etcd.put(`${PREFIX}*file:a.example`, second.pairPem);
    await node.round();
    expect(held('*file:a.example')).toBeUndefined();
    expect(log.join()).toContain('etcd has the key "*file:a.example"');
  });

  test.each(['{}', '[]', 'null', '7', '"text"', '{"header":[null],"kvs":7}', '<html>\n'])(
    'an answer of %s takes nothing away, and is said once',
    async (text) => {
      etcd.answer = text;
      await node.round(1);
      expect(await node.put('a.example', second.pairPem)).toBe(503);
      expect(await node.delete('a.example')).toBe(503);
      expect(held('a.example')).toBe('first');
      expect(log.filter((line) => line.includes('still served'))).toHaveLength(1);
      expect(log.join()).not.toContain('gone');
      etcd.answer = undefined;
    },
  );
});

describe('a key that is gone', () => {
  const file = (name: string): string => join(folder, name);

  test('of a value that was refused: the files of the name stay', async () => {
    writeFileSync(file('a.example.cert.pem'), first.chainPem);
    writeFileSync(file('a.example.key.pem'), first.keyPem);
    etcd.put(`${PREFIX}a.example`, 'garbage');
    await node.round();
    etcd.del(`${PREFIX}a.example`);
    await node.round();
    expect(existsSync(file('a.example.cert.pem'))).toBe(true);
    expect(existsSync(file('a.example.key.pem'))).toBe(true);
  });

  test('what a scan has found for the name is served at once', async () => {
    node.variables['cert_scan'] = `${folder}/scanned/*.pem`;
    node.variables['cert_key_file'] = `${folder}/scanned/*.pem`;
    etcd.put(`${PREFIX}a.example`, first.pairPem);
    await node.round();
    const found = { names: ['a.example'], isRsa: false, notBefore: 0 };
    const meta = { source: 'disk' as const, files: 'f', notAfter: 9e9, loadedAt: 0, found };
    const pem = { chain: second.chainPem, key: second.keyPem };
    putRecord(node.zone, '*file:a', makeRecord(FIRST_TOKEN, meta, pem));
    etcd.del(`${PREFIX}a.example`);
    await node.round();
    expect(node.zone.get('a.example')).toContain('*file:a');
  });

  test('as thousands of others: no round goes on with it beyond its time', async () => {
    const names = Array.from({ length: 500 }, (_, i) => `${PREFIX}n${i}.w.example`);
    for (const name of names) etcd.put(name, 'garbage');
    await node.round(100);
    node.etcd = etcd = new FakeEtcd();
    const timers = vi.spyOn(globalThis, 'setTimeout');
    let looks = Date.now() * 4;
    const now = vi.spyOn(Date, 'now').mockImplementation(() => Math.floor(looks++ / 4));
    await node.round(100);
    now.mockRestore();
    expect(log.filter((line) => line.includes(': gone: '))).toHaveLength(names.length);
    // Each takes a millisecond or more.
    expect(timers.mock.calls.length).toBeGreaterThan(names.length / 10);
    timers.mockRestore();
    const before = log.length;
    etcd.put(`${PREFIX}a.example`, first.pairPem);
    await node.round(100);
    expect(log).toHaveLength(before + 1);
  });
});

test('a condition is about what is held where the newest value was refused', async () => {
  const { fingerprint256 } = new X509Certificate(first.certPem);
  const tag = `"${fingerprint256.replaceAll(':', '').toLowerCase()}"`;
  await node.put('a.example', first.pairPem);
  etcd.put(`${PREFIX}a.example`, wild.pairPem);
  await node.round();
  expect(held('a.example')).toBe('first');
  expect(await node.put('a.example', second.pairPem, { 'If-Match': '"0"' })).toBe(412);
  expect(await node.put('a.example', second.pairPem, { 'If-Match': tag })).toBe(200);
  expect(held('a.example')).toBe('second');
});

test('a value is no larger than the body of a put', async () => {
  etcd.put(`${PREFIX}a.example`, first.pairPem + ' '.repeat(1024 * 1024));
  await node.round();
  expect(held('a.example')).toBeUndefined();
  expect(log.join()).toMatch(/malformed: the value is larger than 1 MiB/);
});

describe('a full zone', () => {
  const OTHER = 'b.w.example';

  beforeEach(async () => {
    etcd.put(`${PREFIX}a.example`, first.pairPem);
    etcd.put(`${PREFIX}${OTHER}`, wild.pairPem);
    await node.round();
    expect([held('a.example'), held(OTHER)]).toEqual(['first', 'wild']);
  });

  test('follows deletes though it has no room for a lock, and goes on in the room that they make', async () => {
    node.zone.room = 0;
    etcd.del(`${PREFIX}a.example`);
    await node.round(1);
    expect([held('a.example'), held(OTHER)]).toEqual([undefined, 'wild']);
    node.zone.room += 2;
    etcd.put(`${PREFIX}c.w.example`, wild.pairPem);
    await node.round();
    expect(held('c.w.example')).toBe('wild');
    expect(node.failure).toBe('');
  });

  test('follows deletes though it has no room for what was put', async () => {
    // The lock of the follower takes it.
    node.zone.room = 1;
    etcd.put(`${PREFIX}a.w.example`, wild.pairPem);
    etcd.del(`${PREFIX}${OTHER}`);
    await node.round();
    expect(held(OTHER)).toBeUndefined();
    expect([held('a.example'), held('a.w.example')]).toEqual(['first', 'wild']);
  });

  test('without room for a lock removes nothing that was written since the keys were listed', async () => {
    node.zone.room = 0;
    etcd.del(`${PREFIX}${OTHER}`);
    const asked = etcd.asked.length;
    etcd.after = (_, asks) => {
      if (asks !== asked + 2) return;
      // Another worker has found room, and has had a put.
      node.zone.room = Infinity;
      const { historyId } = JSON.parse(node.zone.get('#etcd:state')!) as { historyId: string };
      const record = node.zone.get(OTHER)!;
      const meta = { ...readMeta(record)!, etcd: `${historyId}:${etcd.revision + 1}` };
      putRecord(node.zone, OTHER, withMeta(record, FIRST_TOKEN, meta));
      node.zone.room = 0;
    };
    await node.round(1);
    expect(held(OTHER)).toBe('wild');
  });
});

test.each([
  ['with room for both, after it was taken', 1 << 20, ['taken', 'deleted']],
  ['with little room, before that', 5000, ['deleted', 'taken']],
])('a name that goes while another comes is removed, %s', async (_, free, order) => {
  etcd.put(`${PREFIX}a.w.example`, wild.pairPem);
  await node.round();
  node.zone.free = free;
  log.splice(0);
  etcd.del(`${PREFIX}a.w.example`);
  etcd.put(`${PREFIX}z.w.example`, wild.pairPem);
  // More values than an answer has come before it, so that the range is listed.
  for (let i = 0; i < 17; i++) etcd.put(`${PREFIX}0/${i}`, '');
  await node.round();
  const said = log.map((line) => /: (taken|deleted) (?:from|in) etcd/.exec(line)?.[1]);
  expect(said.filter(Boolean)).toEqual(order);
});

test('a zone that has no room for all: each that it lacks is said once, and changes are taken', async () => {
  const NAMES = 400;
  const set = node.zone.set.bind(node.zone);
  let room = 100;
  node.zone.set = (key, value) => {
    if (key.endsWith('.w.example') && !key.startsWith('#') && !node.zone.get(key)) {
      if (room === 0) throw fullError();
      room--;
    }
    return set(key, value);
  };
  for (let i = 0; i < NAMES; i++) etcd.put(`${PREFIX}n${i}.w.example`, wild.pairPem);
  await node.round(200);
  expect(log.filter((line) => line.includes('taken from etcd'))).toHaveLength(100);
  expect(log.filter((line) => line.includes(': zone-full: '))).toHaveLength(NAMES - 100);
  const renewed = await issue('n0.w.example');
  etcd.put(`${PREFIX}n0.w.example`, renewed.pairPem);
  await node.round();
  expect(node.zone.get('n0.w.example')).toContain(renewed.certPem);
});
