import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { readHeader, readKeys, transact, type Etcd } from '../../../src/etcd/client.js';
import { deleteOperation, getOperation, putOperation } from '../../../src/etcd/wire.js';
import { FakeZone } from '../../support/fake_zone.js';

const PREFIX = '/certs/';
const HEADER = { cluster_id: '7', raft_term: '2', revision: '9' };
const NAME = 'a.example';

const encode = (text: string): string => Buffer.from(text).toString('base64');
const KV = { key: encode(PREFIX + NAME), value: 'eA==', create_revision: '3', mod_revision: '4' };
const READ = { key: PREFIX + NAME, value: 'x', createRevision: 3, modRevision: 4 };

let etcd: Etcd;
let reply: { status: number; body: string };

beforeEach(() => {
  const zone = new FakeZone();
  etcd = { url: 'http://etcd', prefix: PREFIX, user: '', passwordFile: '', sealKeyFile: '', zone };
  vi.stubGlobal('ngx', {
    fetch: () => Promise.resolve({ status: reply.status, text: () => Promise.resolve(reply.body) }),
  });
});

afterEach(() => {
  vi.unstubAllGlobals();
});

const unavailable = (message: string): unknown =>
  expect.objectContaining({ code: 'store-unavailable', message });

describe('an answer of another status says of its body', () => {
  const PEM = '-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg\n';
  const message = async (status: number, body: string): Promise<string> => {
    reply = { status, body };
    return readHeader(etcd).then(
      () => '',
      (e: unknown) => (e as Error).message,
    );
  };

  test.each([
    [
      'the message',
      { error: 'x', code: 7, message: 'etcdserver: no leader' },
      'etcdserver: no leader',
    ],
    ['the error, where there is no message', { error: 'no leader', code: 7 }, 'no leader'],
    ['printable characters alone', { code: 7, message: 'a\n\u0000b\u00e9c' }, 'a b c'],
    [
      '120 characters of it',
      { code: 7, message: 'a b '.repeat(90) },
      'a b '.repeat(30).slice(0, 120),
    ],
  ])('%s, in the format of the gateway', async (_, body, expected) => {
    expect(await message(503, JSON.stringify(body))).toBe(`etcd: ${expected}`);
  });

  test.each([
    ['has no code', { message: 'no leader' }],
    ['quotes PEM', { code: 7, message: `bad value: ${PEM}` }],
    ['quotes a line of PEM', { code: 7, message: `bad: ${PEM.split('\n')[1]!}` }],
    ['quotes a value as it was sent', { code: 7, message: `bad: ${encode(PEM)}` }],
    ['has another message than a text', { code: 7, message: [PEM] }],
  ])('nothing, where it %s', async (_, body) => {
    expect(await message(503, JSON.stringify(body))).toBe('etcd: the answer has status 503');
  });

  test.each([PEM, `<html>${PEM}`, 'MIGHAgEAMBMGByqG', '"MIGHAgEA"', '7', ''])(
    'nothing, where it is no JSON object: %j',
    async (body) => {
      for (const status of [200, 502]) {
        expect(await message(status, body)).toBe(
          `etcd: the answer has status ${status}, and is no JSON object`,
        );
      }
    },
  );
});

describe('a listing', () => {
  const list = (answer: object, options = {}): Promise<unknown> => {
    reply = { status: 200, body: JSON.stringify({ header: HEADER, ...answer }) };
    return readKeys(etcd, '', '', options).then(({ kvs, more, count }) => ({ kvs, more, count }));
  };

  test('has the keys of the range', async () => {
    const key = { ...KV, value: undefined };
    expect(await list({ kvs: [KV], count: '1' })).toEqual({ kvs: [READ], more: false, count: 1 });
    expect(await list({ kvs: [key], count: '1' }, { keysOnly: true })).toEqual({
      kvs: [{ ...READ, value: '' }],
      more: false,
      count: 1,
    });
    expect(await list({})).toEqual({ kvs: [], more: false, count: 0 });
  });

  test('may have fewer than it counts where it is cut off, or is of the new ones alone', async () => {
    const more = { kvs: [KV], count: '5', more: true };
    expect(await list(more, { limit: 1 })).toMatchObject({ count: 5, more: true });
    expect(await list({ count: '5' }, { minModRevision: 4 })).toMatchObject({ kvs: [], count: 5 });
  });

  test.each([
    ['a number', { kvs: 7, count: '1' }],
    ['null', { kvs: null, count: '1' }],
    ['null, and none is counted', { kvs: null }],
    ['a text', { kvs: 'x', count: '1' }],
    ['an object', { kvs: {}, count: '1' }],
    ['a list of numbers', { kvs: [7], count: '1' }],
    ['a list with a null', { kvs: [KV, null], count: '2' }],
    ['more than are counted', { kvs: [KV] }],
    ['of a key that is no base64', { kvs: [{ ...KV, key: '<html>' }], count: '1' }],
    ['of a key that is a number', { kvs: [{ ...KV, key: 7 }], count: '1' }],
    ['of an empty key', { kvs: [{ ...KV, key: '' }], count: '1' }],
    ['of a key of others', { kvs: [{ ...KV, key: encode('/other/x') }], count: '1' }],
    ['of a value that is an object', { kvs: [{ ...KV, value: {} }], count: '1' }],
    ['of a value that is no base64', { kvs: [{ ...KV, value: '-----' }], count: '1' }],
    ['of no revision', { kvs: [{ key: KV.key, value: KV.value }], count: '1' }],
    ['of a revision that is no number', { kvs: [{ ...KV, mod_revision: 'x' }], count: '1' }],
    ['counted by a text', { kvs: [KV], count: 'x' }],
  ])('is refused where its keys are %s', async (_, answer) => {
    for (const options of [{}, { minModRevision: 1 }]) {
      await expect(list(answer, options)).rejects.toMatchObject({ code: 'store-unavailable' });
    }
  });

  test.each([
    ['missing', { count: '1' }],
    ['empty', { kvs: [], count: '1' }],
    ['fewer than that', { kvs: [KV], count: '2' }],
  ])('is refused where it counts keys, and they are %s', async (_, answer) => {
    await expect(list(answer)).rejects.toEqual(
      unavailable('etcd: the answer lacks keys that it counts'),
    );
  });
});

describe('a transaction', () => {
  const OPERATIONS = [
    getOperation(PREFIX + NAME),
    putOperation(`${PREFIX}b.example`, 'x'),
    deleteOperation(`${PREFIX}c.example`),
  ];
  const ask = (answer: object): Promise<unknown> => {
    reply = { status: 200, body: JSON.stringify({ header: HEADER, ...answer }) };
    return transact(etcd, [], OPERATIONS).then(({ succeeded, found }) => ({ succeeded, found }));
  };
  const range = { response_range: { kvs: [KV], count: '1' } };
  const rest = [{ response_put: {} }, { response_delete_range: { prev_kvs: [KV] } }];

  test('has what each operation found', async () => {
    expect(await ask({ succeeded: true, responses: [range, ...rest] })).toEqual({
      succeeded: true,
      found: [READ, undefined, READ],
    });
    expect(await ask({})).toEqual({ succeeded: false, found: [] });
  });

  test.each([
    ['lacks one', [range, rest[0]]],
    ['lacks all', undefined],
    ['are rubbish', 7],
    ['are of something else', [range, { response_x: {} }, rest[1]]],
    ['have rubbish for a key', [{ response_range: { kvs: 7 } }, ...rest]],
    ['have rubbish for the value before', [range, { response_put: { prev_kv: 7 } }, rest[1]]],
  ])('is refused where its responses %s', async (_, responses) => {
    await expect(ask({ succeeded: true, responses })).rejects.toEqual(
      unavailable(expect.stringMatching(/^etcd: the answer /) as string),
    );
  });
});
