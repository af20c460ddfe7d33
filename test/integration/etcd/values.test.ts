import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { createAuthority, type Pair } from '../../support/certificates.js';
import { hasEtcd } from '../../support/etcd.js';
import { findKeyTraces } from '../../support/key_traces.js';
import { startCluster, startNode, until, untilServed } from '../../support/following.js';

const INTERVAL_MS = 500;
const FIRST = 'first.example';
/** Over the 512 keys of a segment, and 128 operations of a transaction. */
const MANY = 600;
const BATCH = 100;

interface Entry {
  name: string;
  source: string;
  state: string;
  error: string | null;
  revision?: number;
}

describe.skipIf(!hasEtcd)('what one nginx makes of what etcd has', async () => {
  if (!hasEtcd) return;
  const cluster = await startCluster({ size: 1 });
  const authority = await createAuthority();
  const first = await authority.issue({ names: [FIRST] });
  // What is there before nginx starts: a first round goes through all of it.
  await cluster.put(`/certs/${FIRST}`, first.pairPem);
  await cluster.put('/other/elsewhere.example', 'not ours');
  await cluster.put('/certs/no..name', 'no name');
  const node = await startNode(cluster, {
    authority,
    rsaSlot: 'last',
    names: ['file.example'],
  });

  const issue = (name: string, keyType: 'ec' | 'rsa' = 'ec') =>
    authority.issue({ names: [name], keyType });

  async function entry(name: string): Promise<Entry> {
    const { status, body } = await node.get(name);
    expect([name, status]).toEqual([name, 200]);
    return JSON.parse(body) as Entry;
  }

  async function revision(): Promise<number> {
    const { body } = await node.nginx.admin('/metrics');
    return Number(/^cert_rotation_etcd_revision (\d+)$/m.exec(body)![1]);
  }

  /** The revision of etcd itself. */
  async function newest(): Promise<number> {
    const text = await cluster.etcdctl('get x --write-out=json');
    return (JSON.parse(text) as { header: { revision: number } }).header.revision;
  }

  async function caughtUp(): Promise<void> {
    const target = await newest();
    await until(`revision ${target} is served`, async () => (await revision()) >= target);
  }

  /** One line of a transaction: its values have no line breaks. */
  const putLine = (name: string, { chainPem, keyPem }: Pair): string =>
    `put /certs/${name} ${JSON.stringify(JSON.stringify({ cert: chainPem, key: keyPem }))}`;

  async function transact(operations: string[]): Promise<void> {
    await cluster.etcdctl('txn', `\n${operations.join('\n')}\n\n\n`);
  }

  const lines = (text: string): string[] =>
    node.nginx
      .log()
      .split('\n')
      .filter((line) => line.includes(text));

  test('what was there before it started is served, and said to be of etcd', async () => {
    await untilServed([node], FIRST, first.serial);
    expect(await entry(FIRST)).toMatchObject({ source: 'etcd', state: 'ok', error: null });
    expect((await entry(FIRST)).revision).toBeGreaterThan(1);
    expect(lines('no..name')).toHaveLength(1);
    expect(lines('elsewhere')).toHaveLength(0);
  });

  test.each([
    ['JSON', (chain: string, key: string) => JSON.stringify({ cert: chain, key })],
    ['PEM, the key first', (chain: string, key: string) => key + chain],
  ])('a value of %s', async (what, value) => {
    const name = `${what.slice(0, 3).toLowerCase()}.example`;
    const pair = await issue(name);
    await cluster.put(`/certs/${name}`, value(pair.chainPem, pair.keyPem));
    await untilServed([node], name, pair.serial);
  });

  test('a wildcard', async () => {
    const pair = await issue('*.wild.example');
    await cluster.put("'/certs/*.wild.example'", pair.pairPem);
    await untilServed([node], 'a.wild.example', pair.serial);
  });

  test("an RSA slot's key is that slot's", async () => {
    const [ec, rsa] = [await issue('two.example'), await issue('two.example', 'rsa')];
    await cluster.put('/certs/two.example', ec.pairPem);
    await cluster.put("'/certs/*rsa:two.example'", rsa.pairPem);
    await untilServed([node], 'two.example', ec.serial);
    await caughtUp();
    expect(await entry('two.example')).toMatchObject({
      serial: ec.serial,
      rsa: { serial: rsa.serial, source: 'etcd' },
    });
    await cluster.put("'/certs/*rsa:two.example'", ec.pairPem);
    await caughtUp();
    expect(await entry('two.example')).toMatchObject({
      rsa: { serial: rsa.serial, state: 'last-good' },
    });
  });

  test('etcd wins over the files of a name, and they come back with the end of its key', async () => {
    const name = 'file.example';
    expect(await node.serial(name)).toBe(node.serials[name]);
    const pair = await issue(name);
    await cluster.put(`/certs/${name}`, pair.pairPem);
    await untilServed([node], name, pair.serial);
    await node.renew(name);
    await node.clear();
    expect(await node.serial(name)).toBe(pair.serial);
    await cluster.etcdctl(`del /certs/${name}`);
    await untilServed([node], name, node.serials[name]!);
  });

  test('garbage: the last good pair stays, and it is said once, and shown', async () => {
    const name = 'garbage.example';
    const good = await issue(name);
    await cluster.put(`/certs/${name}`, good.pairPem);
    await untilServed([node], name, good.serial);
    const other = await issue('other.example');
    const values: [string, string][] = [
      ['malformed', '\u0000\ufffd{'],
      ['key-mismatch', other.chainPem + good.keyPem],
      ['name-not-covered', other.pairPem],
    ];
    for (const [code, value] of values) {
      await cluster.put(`/certs/${name}`, value.replace('\u0000', '\u0001'));
      await until(`${code} is shown`, async () =>
        Boolean((await entry(name)).error?.startsWith(code)),
      );
      expect(await entry(name)).toMatchObject({ source: 'etcd', state: 'last-good' });
      expect(await node.serial(name)).toBe(good.serial);
      expect(lines(`${name}: ${code}`)).toHaveLength(1);
    }
    await sleep(3 * INTERVAL_MS);
    await node.clear();
    await caughtUp();
    expect(lines(`${name}: name-not-covered`)).toHaveLength(1);
    const { body } = await node.nginx.admin('/metrics');
    expect(body).toContain(
      `cert_rotation_certificate_problem{name="${name}",code="name-not-covered",held="yes"} 1`,
    );
    expect(body).toContain('cert_rotation_refusals_total{via="etcd",code="key-mismatch"} 1');
    const better = await issue(name);
    await cluster.put(`/certs/${name}`, better.pairPem);
    await untilServed([node], name, better.serial);
    expect(await entry(name)).toMatchObject({ state: 'ok', error: null });
  });

  test('garbage for a name that has nothing is not served, and its problem is told', async () => {
    await cluster.put('/certs/nothing.example', 'garbage');
    await caughtUp();
    const { status, body } = await node.get('nothing.example');
    expect(status).toBe(404);
    expect(body).toContain('Its value in etcd was refused, malformed');
    await expect(node.serial('nothing.example')).rejects.toThrow();
    expect((await node.get('nothing.example')).body).toContain('malformed');
    await cluster.etcdctl('del /certs/nothing.example');
    await until('it is forgotten', async () => {
      const { body: text } = await node.get('nothing.example');
      return !text.includes('malformed');
    });
  });

  test('a name that goes while another comes is dropped: the number of names stays', async () => {
    const [goes, comes] = [await issue('goes.example'), await issue('comes.example')];
    await cluster.put('/certs/goes.example', goes.pairPem);
    await untilServed([node], 'goes.example', goes.serial);
    await transact(['del /certs/goes.example', putLine('comes.example', comes)]);
    await untilServed([node], 'comes.example', comes.serial);
    await until('it is dropped', async () => (await node.get('goes.example')).status === 404);
  });

  test(`${MANY} names, more than are asked for at once`, { timeout: 120_000 }, async () => {
    const names = Array.from({ length: MANY }, (_, i) => `n${i}.many.example`);
    const pair = await issue('*.many.example');
    for (let at = 0; at < MANY; at += BATCH) {
      await transact(names.slice(at, at + BATCH).map((name) => putLine(name, pair)));
    }
    await caughtUp();
    const held = async (): Promise<string[]> => {
      const { body } = await node.nginx.admin('/certs/?limit=1000');
      const { certs } = JSON.parse(body) as { certs: Entry[] };
      return certs.map(({ name }) => name).filter((name) => name.endsWith('.many.example'));
    };
    expect(await held()).toEqual(names.toSorted());
    for (const name of ['n0', 'n99', 'n555']) {
      const renewed = await issue(`${name}.many.example`);
      await cluster.put(`/certs/${name}.many.example`, renewed.pairPem);
      await untilServed([node], `${name}.many.example`, renewed.serial);
    }
    await cluster.etcdctl('del --prefix /certs/n1');
    await caughtUp();
    expect(await held()).toEqual(names.filter((name) => !name.startsWith('n1')).toSorted());
    expect(await node.serial('n0.many.example')).not.toBe(pair.serial);
  });

  test('a reload goes on where it was', async () => {
    const taken = lines('taken from etcd').length;
    await node.nginx.reload();
    const pair = await issue('reloaded.example');
    await cluster.put('/certs/reloaded.example', pair.pairPem);
    await untilServed([node], 'reloaded.example', pair.serial);
    expect(lines('taken from etcd')).toHaveLength(taken + 1);
  });

  test('compaction takes nothing away', async () => {
    await cluster.etcdctl(`compact ${await newest()} && etcdctl defrag`);
    const pair = await issue(FIRST);
    await cluster.put(`/certs/${FIRST}`, pair.pairPem);
    await untilServed([node], FIRST, pair.serial);
    await cluster.etcdctl(`compact ${await newest()}`);
    await cluster.etcdctl('del /certs/reloaded.example');
    await until('it is dropped', async () => (await node.get('reloaded.example')).status === 404);
  });

  test('an etcd that is empty all at once takes nothing away until a clear', async () => {
    const serial = await node.serial(FIRST);
    await cluster.members[0]!.kill();
    await cluster.members[0]!.run('rm -r /data');
    await cluster.members[0]!.start();
    await cluster.untilHealthy();
    await until('it is noticed', async () => (await entry(FIRST)).state === 'last-good');
    expect((await entry(FIRST)).error).toMatch(/^gone: /);
    expect(await node.serial(FIRST)).toBe(serial);
    const pair = await issue('again.example');
    await cluster.put('/certs/again.example', pair.pairPem);
    await untilServed([node], 'again.example', pair.serial);
    await cluster.etcdctl('del /certs/again.example');
    await until('it is dropped', async () => (await node.get('again.example')).status === 404);
    expect(await node.serial(FIRST)).toBe(serial);
    await node.clear();
    await until('it is dropped', async () => (await node.get(FIRST)).status === 404);
  });

  test('no key stands in the log', () => {
    expect(findKeyTraces(node.nginx.log(), [first.pairPem])).toHaveLength(0);
    expect(node.nginx.log()).not.toContain('-----BEGIN');
  });
});
