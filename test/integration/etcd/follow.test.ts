import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { run } from '../../setup/command.js';
import { createAuthority, type Pair } from '../../support/certificates.js';
import { hasEtcd } from '../../support/etcd.js';
import { scrape } from '../../support/metrics.js';
import { startClients } from '../../support/image_clients.js';
import { serialAt, startCluster, startNode, until, untilServed } from '../../support/following.js';
import { expectProblem, type PutSite } from '../../support/putting.js';

// Three nginx follow a cluster of three etcd. The clients connect through unix sockets: they stay when a network goes.

const STEADY = 'steady.example';
const CLIENTS = 2;
/** Of a client between two handshakes: what is tested is to have the processors, too. */
const PAUSE_MS = 10;
/** What a handshake may take on a machine that is busy with all of this, in milliseconds. */
const LONGEST_HANDSHAKE_MS = 3000;
const WRITERS = 4;
const WRITES = 60;
const MOST_TRIES = 5;

describe.skipIf(!hasEtcd)('three nginx that follow three etcd', async () => {
  if (!hasEtcd) return;
  const cluster = await startCluster();
  const authority = await createAuthority();
  const steady = await authority.issue({ names: [STEADY] });
  await cluster.put(`/certs/${STEADY}`, steady.pairPem);
  const nodes: PutSite[] = [];
  for (let i = 0; i < 3; i++) {
    nodes.push(await startNode(cluster, { authority }));
  }
  const [one, two, three] = nodes as [PutSite, PutSite, PutSite];
  await untilServed(nodes, STEADY, steady.serial);

  const issue = (name: string): Promise<Pair> => authority.issue({ names: [name] });

  interface Answer {
    status: number;
    revision: number;
    tag: string;
  }

  async function put(node: PutSite, name: string, pair: Pair, headers = {}): Promise<Answer> {
    const { status, body, headers: answered } = await node.put(name, pair.pairPem, headers);
    const { revision } = JSON.parse(body) as { revision: number };
    return { status, revision, tag: String(answered['etag']) };
  }

  const revisionIn = async (name: string): Promise<number> => {
    const text = await cluster.etcdctl(`get /certs/${name} --write-out=json`);
    return (JSON.parse(text) as { kvs: { mod_revision: number }[] }).kvs[0]!.mod_revision;
  };

  /** Does something while clients of every node connect without pause: no handshake fails, none waits. */
  async function underClients(work: () => Promise<void>): Promise<void> {
    let longest = 0;
    const clients = startClients(CLIENTS * nodes.length, () => {
      let turn = 0;
      return async () => {
        const node = nodes[turn++ % nodes.length]!;
        const start = performance.now();
        const serial = await serialAt(node, STEADY);
        longest = Math.max(longest, performance.now() - start);
        expect(serial).toBe(steady.serial);
        await sleep(PAUSE_MS);
      };
    });
    await work();
    expect(await clients.stop()).toBeGreaterThan(CLIENTS);
    expect(longest).toBeLessThan(LONGEST_HANDSHAKE_MS);
  }

  test('what etcdctl puts is served by all, and dropped by all', async () => {
    await underClients(async () => {
      const pair = await issue('ctl.example');
      await cluster.put('/certs/ctl.example', pair.pairPem);
      await untilServed(nodes, 'ctl.example', pair.serial);
      await cluster.etcdctl('del /certs/ctl.example');
      for (const node of nodes) {
        await until('it is dropped', async () => (await node.get('ctl.example')).status === 404);
      }
    });
  });

  test('what is put through one node is served by that one at once, and by all', async () => {
    await underClients(async () => {
      for (const node of nodes) {
        const pair = await issue('api.example');
        const { status, revision } = await put(node, 'api.example', pair);
        expect(status).toBe(node === one ? 201 : 200);
        expect(await node.serial('api.example')).toBe(pair.serial);
        expect(revision).toBe(await revisionIn('api.example'));
        await untilServed(nodes, 'api.example', pair.serial);
      }
      const { status, body } = await two.delete('api.example');
      expect(status).toBe(200);
      const { deleted, revision } = JSON.parse(body) as { deleted: string; revision: number };
      expect(deleted).toBe('api.example');
      expect(revision).toBeGreaterThan(1);
      expect((await two.get('api.example')).status).toBe(404);
      for (const node of nodes) {
        await until('it is dropped', async () => (await node.get('api.example')).status === 404);
      }
      expectProblem(await two.delete('api.example'), [404, 'not-found', /Nothing is held/]);
    });
  });

  test('If-Match holds across the nodes, also where one has not heard of a change', async () => {
    const name = 'match.example';
    const [a, b, c] = [await issue(name), await issue(name), await issue(name)];
    const first = await put(one, name, a, { 'If-None-Match': '*' });
    expect([201, 203]).toContain(first.status);
    // Each is as fast as it goes: the other two have had no round since.
    expect(await put(two, name, b, { 'If-None-Match': '*' })).toMatchObject({ status: 412 });
    expect(await put(two, name, b, { 'If-Match': first.tag })).toMatchObject({
      revision: first.revision + 1,
    });
    expect(await put(three, name, c, { 'If-Match': first.tag })).toMatchObject({ status: 412 });
    expect((await three.delete(name, { 'If-Match': first.tag })).status).toBe(412);
    await untilServed(nodes, name, b.serial);
  });

  test('one writer of several wins', async () => {
    const name = 'race.example';
    const first = await put(one, name, await issue(name));
    const pairs = await Promise.all(nodes.map(() => issue(name)));
    const answers = await Promise.all(
      nodes.map((node, i) => put(node, name, pairs[i]!, { 'If-Match': first.tag })),
    );
    const winners = answers.flatMap(({ status }, i) => (status === 412 ? [] : [i]));
    expect(winners).toHaveLength(1);
    await untilServed(nodes, name, pairs[winners[0]!]!.serial);
  });

  test('a put that is refused leaves etcd as it was', async () => {
    const before = await cluster.etcdctl('get --prefix /certs/');
    const pair = await issue('covered.example');
    expect((await one.put('other.example', pair.pairPem)).status).toBe(422);
    expect(await cluster.etcdctl('get --prefix /certs/')).toBe(before);
  });

  test('a paused cluster: nothing changes, a put is refused, and then all catch up', async () => {
    const name = 'pause.example';
    await underClients(async () => {
      await cluster.pause();
      try {
        const pair = await issue(name);
        expectProblem(await one.put(name, pair.pairPem), [503, 'store-unavailable', /^Etcd: /]);
        expectProblem(await two.delete(STEADY), [503, 'store-unavailable', /^Etcd: /]);
        expect((await one.get(name)).status).toBe(404);
        const { status, body } = await two.get(STEADY);
        expect([status, JSON.parse(body)]).toMatchObject([200, { serial: steady.serial }]);
        await until('it is said', async () => {
          await sleep(PAUSE_MS);
          return nodes.every(({ nginx }) =>
            /cert_rotation: etcd: .*still served/.test(nginx.log()),
          );
        });
      } finally {
        await cluster.resume();
      }
      await cluster.untilHealthy();
      for (const { nginx } of nodes) {
        await until('etcd answers again', () => nginx.log().includes('etcd answers again'));
      }
      // Nor is what was refused done later, by members that have it in their sockets.
      const keys = (await cluster.etcdctl('get --prefix --keys-only /certs/')).split('\n');
      expect(keys).not.toContain(`/certs/${name}`);
      expect(keys).toContain(`/certs/${STEADY}`);
      const pair = await issue(name);
      await cluster.put(`/certs/${name}`, pair.pairPem);
      await untilServed(nodes, name, pair.serial);
    });
  });

  test('one member that hangs is done without', async () => {
    const leader = await cluster.leader();
    // The first one's container is that of etcdctl.
    const member = cluster.members.slice(1).find((one) => one !== leader)!;
    const etcdctl = `ETCDCTL_ENDPOINTS=http://${leader.endpoint} etcdctl`;
    const complaints = (): number =>
      nodes.reduce((sum, { nginx }) => sum + nginx.log().split('still served').length, 0);
    await underClients(async () => {
      const before = complaints();
      await run('docker', ['pause', member.containerId]);
      try {
        for (let i = 0; i < nodes.length; i++) {
          const pair = await issue('hangs.example');
          await cluster.sh(`${etcdctl} put /certs/hangs.example`, pair.pairPem);
          await untilServed(nodes, 'hangs.example', pair.serial);
        }
        expect(complaints() - before).toBeLessThanOrEqual(nodes.length);
      } finally {
        await run('docker', ['unpause', member.containerId]);
      }
      await cluster.untilHealthy();
    });
  });

  test('a leader that is killed', async () => {
    await underClients(async () => {
      const leader = await cluster.leader();
      await leader.kill();
      await cluster.untilHealthy();
      const pair = await issue('leader.example');
      await cluster.put('/certs/leader.example', pair.pairPem);
      await untilServed(nodes, 'leader.example', pair.serial);
      await leader.start();
      await cluster.untilHealthy();
    });
  });

  test('a node without network serves what it has, says so, and catches up past a compaction', async () => {
    const network = (action: 'connect' | 'disconnect'): Promise<string> =>
      run('docker', ['network', action, 'bridge', three.nginx.containerId]);
    const [kept, gone] = [await issue('kept.example'), await issue('gone.example')];
    await cluster.put('/certs/kept.example', kept.pairPem);
    await cluster.put('/certs/gone.example', gone.pairPem);
    await untilServed(nodes, 'gone.example', gone.serial);
    const before = await revisionIn('gone.example');
    const told = async (): Promise<number> =>
      (await scrape(three.nginx))['cert_rotation_etcd_revision']!;
    await until('its round is over', async () => (await told()) === before);
    await underClients(async () => {
      await network('disconnect');
      let renewed: Pair;
      try {
        renewed = await issue('kept.example');
        await cluster.put('/certs/kept.example', renewed.pairPem);
        await cluster.etcdctl('del /certs/gone.example');
        await untilServed([one, two], 'kept.example', renewed.serial);
        await cluster.etcdctl(`compact ${await revisionIn('kept.example')}`);
        expect(await serialAt(three, 'kept.example')).toBe(kept.serial);
        expect(await serialAt(three, 'gone.example')).toBe(gone.serial);
        expect(await told()).toBe(before);
      } finally {
        await network('connect');
      }
      const isServed = async (): Promise<boolean> => {
        const { body } = await three.get('kept.example');
        return (JSON.parse(body) as { serial: string }).serial === renewed.serial;
      };
      await until('it has caught up', isServed);
      await until('it is dropped', async () => (await three.get('gone.example')).status === 404);
    });
  });

  test(`${WRITERS * WRITES} changes of one name: all end on the last, none goes back`, async () => {
    const name = 'rapid.example';
    const pairs = await Promise.all(Array.from({ length: WRITERS }, () => issue(name)));
    const before = await put(one, name, pairs[0]!);
    await untilServed(nodes, name, pairs[0]!.serial);
    let isOver = false;
    const watched = nodes.map(async (node) => {
      const seen: number[] = [];
      while (!isOver) {
        const { body } = await node.get(name);
        seen.push((JSON.parse(body) as { revision: number }).revision);
        await sleep(PAUSE_MS);
      }
      return seen;
    });
    await underClients(async () => {
      await Promise.all(
        pairs.map(async (pair, i) => {
          // One writes to etcd itself, the others through a node each.
          if (i < nodes.length) {
            for (let j = 0; j < WRITES; j++) {
              let { status } = await put(nodes[i]!, name, pair);
              // On a busy machine etcd may be late. Then it may have been done, and is to be done again.
              for (let tries = 1; status === 503 && tries < MOST_TRIES; tries++) {
                ({ status } = await put(nodes[i]!, name, pair));
              }
              expect(status).toBe(200);
            }
          } else {
            const write = `etcdctl put /certs/${name} </rapid`;
            await cluster.sh(
              `cat >/rapid; for n in $(seq ${WRITES}); do ${write}; done`,
              pair.pairPem,
            );
          }
        }),
      );
      const last = await revisionIn(name);
      expect(last).toBeGreaterThanOrEqual(before.revision + WRITERS * WRITES);
      const text = await cluster.etcdctl(`get /certs/${name} --print-value-only`);
      const { serial } = pairs.find(({ pairPem }) => text.includes(pairPem.trim()))!;
      await untilServed(nodes, name, serial);
      for (const node of nodes) {
        await until('it is at the last revision', async () => {
          const { body } = await node.get(name);
          return (JSON.parse(body) as { revision: number }).revision === last;
        });
      }
    });
    isOver = true;
    for (const seen of await Promise.all(watched)) {
      expect(seen).toEqual([...seen].sort((a, b) => a - b));
    }
  });

  test('metrics tell how far each node is', async () => {
    const pair = await issue('measured.example');
    await cluster.put('/certs/measured.example', pair.pairPem);
    const since = Date.now() / 1000;
    const revision = await revisionIn('measured.example');
    for (const { nginx } of nodes) {
      await until('it is told', async () => {
        const samples = await scrape(nginx);
        return (
          samples['cert_rotation_etcd_revision']! >= revision &&
          samples['cert_rotation_etcd_last_success_seconds']! > since
        );
      });
    }
  });

  test('no key stands in a log', () => {
    for (const node of nodes) expect(node.nginx.log()).not.toContain('-----BEGIN');
    one.expectNoKeyShown();
  });
});
