import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { BACKDOOR, backdoorOf } from '../../support/backdoor.js';
import { startClients } from '../../support/image_clients.js';
import { errorsOf, expectNoKey } from '../../support/log.js';
import { startSite } from '../../support/site.js';

const NAME = 'a.example';
const OTHER = 'b.example';
const FALLBACK = 'fallback.example';

/** Where in a record are the clear token, the time of the last look, the end of the key, that of the chain and the PEM. */
const TOKEN_AT = 1;
const TIME_AT = 13;
const KEY_END_AT = 26;
const CHAIN_END_AT = 32;
const PEM_AT = 38;

const withToken = (record: string, token: string): string =>
  record.slice(0, TOKEN_AT) + token + record.slice(TIME_AT);
const withTime = (record: string, time: string): string =>
  record.slice(0, TIME_AT) + time + record.slice(KEY_END_AT);
const endIn = (record: string, at: number): number => Number(record.slice(at, at + 6));
const withEnd = (record: string, at: number, end: string): string =>
  record.slice(0, at) + end + record.slice(at + 6);
const keyEnd = (record: string): number => endIn(record, KEY_END_AT);
const chainEnd = (record: string): number => endIn(record, CHAIN_END_AT);
const withFacts = (record: string, meta: string): string =>
  record.slice(0, chainEnd(record)) + meta;

type Fault = [string, (record: string) => string];

const wrongEnds = (what: string, at: number): Fault[] => [
  [`an end of the ${what} that is none`, (record) => withEnd(record, at, 'length')],
  [`an end of the ${what} at 0`, (record) => withEnd(record, at, '000000')],
  [
    `an end of the ${what} one too early`,
    (record) => withEnd(record, at, String(endIn(record, at) - 1).padStart(6, '0')),
  ],
  [`an end of the ${what} far behind`, (record) => withEnd(record, at, '999999')],
  [`an endless ${what}`, (record) => withEnd(record, at, ' 1e999')],
];

/** Each takes a fresh record, and leaves its token and its time where they do not say otherwise. */
const FAULTS: Fault[] = [
  ['nothing', () => ''],
  ['one character', (record) => record.slice(0, 1)],
  ['half a header', (record) => record.slice(0, 20)],
  ['a header alone', (record) => record.slice(0, PEM_AT)],
  ['no line ends', (record) => record.replaceAll('\n', '')],
  ['another kind', (record) => `7${record.slice(1)}`],
  ['a refusal with a pair behind it', (record) => `2${withFacts(record, '[]').slice(1)}`],
  ['a token of other characters', (record) => withToken(record, '\0'.repeat(12))],
  ['a time that is none', (record) => withTime(record, 'x'.repeat(13))],
  ...wrongEnds('key', KEY_END_AT),
  ...wrongEnds('chain', CHAIN_END_AT),
  ['meta that are not JSON', (record) => withFacts(record, '{"files":')],
  ['meta that are no object', (record) => withFacts(record, 'null')],
  ['meta of other types', (record) => withFacts(record, '{"files":{},"notAfter":"","problem":1}')],
  ['letters of two bytes in the header', (record) => `é${record.slice(1)}`],
  ['letters of two bytes all over', () => 'é'.repeat(2000)],
  ['half a key', (record) => record.slice(0, keyEnd(record) - 100)],
  ['no key', (record) => record.slice(0, PEM_AT) + record.slice(keyEnd(record))],
  ['no chain', (record) => record.slice(0, keyEnd(record))],
  ['a chain cut off', (record) => record.slice(0, keyEnd(record) + 500)],
  ['a chain without its last line end', (record) => record.slice(0, chainEnd(record) - 1)],
  ['no meta', (record) => record.slice(0, chainEnd(record))],
  ['a pair and no header', (record) => record.slice(PEM_AT)],
  ['100 kB of something', () => '1'.repeat(100_000)],
];

describe.each(['one', 'two'] as const)('a record that is none, %s variables', async (variables) => {
  const site = await startSite({
    names: [NAME, OTHER, FALLBACK],
    variables,
    settings: { fallback: FALLBACK, check_interval: '600' },
    ...BACKDOOR,
  });
  const backdoor = backdoorOf(site);
  for (const name of [NAME, OTHER]) await site.serial(name);
  const pairs = [await site.renew(NAME)];
  await site.clear(NAME);

  test.each(FAULTS)('%s: the name is served from its files', async (_, spoil) => {
    expect(await site.serial(NAME)).toBe(site.serials[NAME]);
    const record = (await backdoor.get(NAME))!;
    const other = await backdoor.get(OTHER);
    const logged = site.nginx.log().length;
    await backdoor.set(NAME, spoil(record));
    for (const name of [NAME, OTHER, NAME]) {
      expect(await site.serial(name)).toBe(site.serials[name]);
    }
    expect(errorsOf(site, logged)).toEqual([]);
    const lines = site.nginx.log().slice(logged).split('\n');
    expect(lines.filter((line) => line.includes('cert_rotation')).length).toBeLessThanOrEqual(1);
    expect(await backdoor.get(OTHER)).toBe(other);
    expectNoKey(site, pairs);
  });

  test.each(FAULTS)('%s: another name without files is served the fallback', async (_, spoil) => {
    const logged = site.nginx.log().length;
    // Of another token: a pair that is whole would be served, whatever its facts.
    const stale = withToken((await backdoor.get(NAME))!, '-'.repeat(12));
    await backdoor.set('nobody.example', spoil(stale));
    expect(await site.serial('nobody.example')).toBe(site.serials[FALLBACK]);
    expect(errorsOf(site, logged)).toEqual([]);
    expectNoKey(site, pairs);
  });

  test.each(FAULTS)('%s: a clear of the name passes over it', async (_, spoil) => {
    await backdoor.set(NAME, spoil((await backdoor.get(NAME))!));
    await site.clear(NAME);
    expect(await site.serial(NAME)).toBe(site.serials[NAME]);
  });

  test.each([
    ['empty', ''],
    ['too short', 'x'],
    ['too long', '0'.repeat(5000)],
    ['of letters of two bytes', 'é'.repeat(12)],
  ])('a clear token that is %s: names are served, and clears work', async (_, token) => {
    await backdoor.set('#clear', token);
    for (const name of [NAME, OTHER]) expect(await site.serial(name)).toBe(site.serials[name]);
    pairs.push(await site.renew(NAME));
    await site.clear();
    expect(await site.serial(NAME)).toBe(site.serials[NAME]);
    expect(await site.serial(OTHER)).toBe(site.serials[OTHER]);
    expectNoKey(site, pairs);
  });
});

const NUMBERS = 'type=number';

describe.each([
  ['the zone', `zone=certs:1m ${NUMBERS}`, 'zone=certs_misses:100k timeout=60s evict'],
  ['the negative answers', 'zone=certs:1m', `zone=certs_misses:100k ${NUMBERS} timeout=60s evict`],
])('%s of numbers', async (_, ...zones) => {
  const site = await startSite({
    names: [NAME, '*.w.example', FALLBACK],
    settings: { fallback: FALLBACK },
    zones: zones.map((zone) => `js_shared_dict_zone ${zone};`).join('\n'),
  });

  test('leaves every name with its pair, and the log says what is wrong', async () => {
    for (let round = 0; round < 2; round++) {
      expect(await site.serial(NAME)).toBe(site.serials[NAME]);
      expect(await site.serial('a.w.example')).toBe(site.serials['*.w.example']);
      expect(await site.serial('unknown.example')).toBe(site.serials[FALLBACK]);
      expect(await site.serial()).toBe(site.serials[FALLBACK]);
    }
    expect(site.nginx.log()).toMatch(/\[error\].*cert_rotation: .*(numeric|number)/);
    expect(site.nginx.log()).not.toContain('js exception');
  });

  test('leaves the handlers an answer', async () => {
    for (const path of ['/clear', '/clear?name=unknown.example', '/certs/', '/metrics']) {
      expect([200, 500], path).toContain((await site.nginx.admin(path)).status);
    }
    expect(site.nginx.log()).not.toContain('js exception');
  });
});

describe('files that come and go', async () => {
  const site = await startSite({
    names: [NAME, OTHER, FALLBACK],
    settings: { fallback: FALLBACK, check_interval: '0.01' },
  });
  const certs = site.nginx.certsDirectory;

  test.each(['cert', 'key'])(
    'the %s vanishes again and again: no handshake fails',
    async (kind) => {
      for (const name of [NAME, OTHER]) expect(await site.serial(name)).toBe(site.serials[name]);
      const path = join(certs, `${NAME}.${kind}.pem`);
      const clients = startClients(4, () => async () => {
        expect(await site.serial(NAME)).toBe(site.serials[NAME]);
        expect(await site.serial(OTHER)).toBe(site.serials[OTHER]);
      });
      for (let round = 0; round < 50; round++) {
        renameSync(path, `${path}.away`);
        await sleep(round % 10);
        renameSync(`${path}.away`, path);
        await sleep(round % 7);
        if (round % 20 === 0) await site.clear();
      }
      await clients.stop();
      const errors = errorsOf(site);
      expect(errors.filter((line) => !line.includes(`${NAME}: unreadable: /etc/nginx`))).toEqual(
        [],
      );
      expect(errors.length).toBeLessThanOrEqual(200);
    },
  );

  test('a name that is first asked for meanwhile gets its pair, or the fallback, and its pair in the end', async () => {
    const name = 'new.example';
    const path = join(certs, `${name}.cert.pem`);
    const { serial } = await site.renew(name);
    const possible = [serial, site.serials[FALLBACK]];
    const clients = startClients(4, () => async () => {
      expect(possible).toContain(await site.serial(name));
    });
    for (let round = 0; round < 50; round++) {
      renameSync(path, `${path}.away`);
      await sleep(round % 10);
      renameSync(`${path}.away`, path);
      await sleep(round % 7);
      if (round % 10 === 0) await site.clear(name);
    }
    await clients.stop();
    await site.clear();
    expect(await site.serial(name)).toBe(serial);
  });
});
