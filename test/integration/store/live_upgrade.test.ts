import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { makeKeys, writePair } from '../../support/certificates.js';
import { until } from '../../support/following.js';
import type { HttpResponse } from '../../support/http.js';
import { mastersOf, type Master } from '../../support/masters.js';
import { startPutSite } from '../../support/putting.js';
import { createRandom } from '../../support/random.js';
import { Register, type Change, type Served } from '../../support/register.js';
import { openConnection } from '../../support/tls_client.js';

// A live upgrade of nginx: SIGUSR2 starts a second master beside the first one, with a zone of its own. Both accept connections
// of the sockets that they share until one of them is told to end.

const INTERVAL_MS = 1000;
/** A worker that is halted while it looks at a name has the others serve what they have. */
const TOLERANCE_MS = 1000;
/** How long both masters accept at least, and how many handshakes and changes each of them has to answer by then. */
const BOTH_MS = 3500;
const LEAST = { served: 25, answered: 5 };
const CLIENTS = 6;
/** A writer's pause: clients and writers share the processors with nginx. */
const PAUSE_MS = 30;
/** The same for names that stay as they are until the other master has to serve them. */
const LONG_PAUSE_MS = INTERVAL_MS + TOLERANCE_MS + 1000;
const LONG = { timeout: 120_000 };

const FALLBACK = 'fallback.example';
/** The first of each kind is changed without pause. */
const PUT = ['put-0.example', 'put-1.example', 'put-2.example'];
const DELETED = ['deleted-0.example', 'deleted-1.example', 'deleted-2.example'];
const FILES = ['files-0.example', 'files-1.example'];
const NAMES = [...PUT, ...DELETED, ...FILES];

interface Outcome extends Served {
  name: string;
}

describe('a live upgrade', async () => {
  const site = await startPutSite({
    isDaemon: true,
    store: true,
    withoutCache: true,
    names: [FALLBACK],
    zones: `js_shared_dict_zone zone=certs:4m; js_shared_dict_zone zone=certs_misses:1m timeout=60s evict;`,
    settings: { fallback: FALLBACK, check_interval: `${INTERVAL_MS / 1000}` },
    admin: 'add_header X-Worker $pid always;',
  });
  const { nginx, authority } = site;
  const fallback = site.serials[FALLBACK]!;
  const registers = new Map(NAMES.map((name) => [name, new Register(name, fallback)]));
  const register = (name: string): Register => registers.get(name)!;
  const keys = await makeKeys();
  const issue = (name: string) => authority.issue({ names: [name], keys });
  const { below, pick } = createRandom(7);

  const outcomes: Outcome[] = [];
  const faults: string[] = [];
  let isOver = false;

  async function shake(name: string): Promise<Outcome> {
    const address = below(2) === 0 ? nginx.tls : { path: site.tlsSocket };
    const startedAt = Date.now();
    const connection = await openConnection({ ...address, servername: name });
    const endedAt = Date.now();
    const by = Number((await connection.get('/')).body);
    await connection.close();
    return { name, serial: connection.serial, by, startedAt, endedAt };
  }

  /** Does some work again and again to the end. Whatever fails is a fault. */
  async function loop(work: () => Promise<unknown>): Promise<void> {
    while (!isOver) {
      await work().catch(async (error: unknown) => {
        faults.push(String(error));
        await sleep(100);
      });
    }
  }

  function expectDone({ status, body }: HttpResponse): void {
    if (status >= 300) throw new Error(`${status} ${body}`);
  }
  function acknowledge(change: Change, answer: HttpResponse): void {
    expectDone(answer);
    change.by = Number(answer.headers['x-worker']);
    change.acknowledgedAt = Date.now();
  }

  async function put(name: string): Promise<void> {
    const pair = await issue(name);
    acknowledge(register(name).issue(pair.serial), await site.put(name, pair.pairPem));
  }
  async function remove(name: string): Promise<void> {
    acknowledge(register(name).issue(fallback), await site.delete(name));
  }
  const clear = (query: string) => nginx.admin(`/clear${query}`, { method: 'POST' });

  /** A pair of files counts once a clear was answered. Half of the next one may only come once it was served. */
  async function renew(name: string): Promise<void> {
    const pair = await issue(name);
    const change = register(name).issue(pair.serial);
    await writePair(nginx.certsDirectory, name, pair);
    acknowledge(change, await clear(below(2) === 0 ? '' : `?name=${name}`));
    await until('it is served', async () => (await shake(name)).serial === pair.serial);
  }

  const paused = (i: number): Promise<void> => sleep(i === 0 ? PAUSE_MS : LONG_PAUSE_MS);
  const writers = [
    ...PUT.map((name, i) => () => put(name).then(() => paused(i))),
    ...DELETED.map((name, i) => async () => {
      await put(name);
      await paused(i);
      await remove(name);
      await paused(i);
    }),
    ...FILES.map((name, i) => () => renew(name).then(() => paused(i))),
    // What was put has no files: a clear has it looked at, and takes nothing away.
    async () => {
      expectDone(await clear(`?name=${pick(NAMES)}`));
      await sleep(PAUSE_MS);
    },
    async () => {
      expectDone(await clear(''));
      await sleep(PAUSE_MS);
    },
  ];
  const clients = Array.from({ length: CLIENTS }, () => async () => {
    outcomes.push(await shake(pick(NAMES)));
  });

  const masterOf = new Map<number, number>();
  /** Waits until so many masters run, each with workers, and notes whose workers they are. */
  async function untilMasters(count: number): Promise<Master[]> {
    let masters: Master[] = [];
    await until(`${count} masters run`, async () => {
      masters = await mastersOf(nginx);
      return masters.length === count && masters.every(({ workers }) => workers.length === 2);
    });
    for (const { pid, workers } of masters) for (const worker of workers) masterOf.set(worker, pid);
    return masters;
  }

  /** Waits until two masters have accepted for long enough to be judged. */
  async function untilBothAreUsed(): Promise<Master[]> {
    const masters = await untilMasters(2);
    await sleep(BOTH_MS);
    const changes = (): Change[] => [...registers.values()].flatMap((one) => one.changes);
    await until('both masters are used', () =>
      masters.every(({ pid }) => {
        const served = outcomes.filter(({ by }) => masterOf.get(by) === pid).length;
        const answered = changes().filter(({ by }) => masterOf.get(by) === pid).length;
        return served >= LEAST.served && answered >= LEAST.answered;
      }),
    );
    return masters;
  }

  test(
    'fails no handshake and loses nothing, when it is taken back and when it is not',
    LONG,
    async () => {
      const [first] = await untilMasters(1);
      const running = [...writers, ...clients].map(loop);
      await sleep(500);

      await nginx.kill('SIGUSR2', first!.pid);
      const [, second] = await untilBothAreUsed();
      await nginx.kill('SIGQUIT', second!.pid);
      await untilMasters(1);
      await sleep(500);

      await nginx.kill('SIGUSR2', first!.pid);
      await untilBothAreUsed();
      await nginx.kill('SIGWINCH', first!.pid);
      await sleep(500);
      await nginx.kill('SIGQUIT', first!.pid);
      await until('the first one has ended', async () => (await mastersOf(nginx)).length === 1);
      await sleep(500);
      isOver = true;
      await Promise.all(running);

      expect(faults).toEqual([]);
      const areSame = (one: number, other: number): boolean =>
        masterOf.get(one) === masterOf.get(other);
      const late = outcomes.map((outcome) =>
        register(outcome.name).fault(outcome, areSame, INTERVAL_MS + TOLERANCE_MS),
      );
      expect(late.filter((fault) => fault !== undefined)).toEqual([]);
    },
  );

  test('leaves what was last put, and not what was deleted', async () => {
    await sleep(INTERVAL_MS + TOLERANCE_MS);
    const { certs } = JSON.parse((await site.get('')).body) as { certs: { name: string }[] };
    const expected = NAMES.filter((name) => register(name).changes.at(-1)!.serial !== fallback);
    expect(certs.map(({ name }) => name)).toEqual([...expected, FALLBACK].sort());
    for (const name of NAMES) {
      expect((await shake(name)).serial, name).toBe(register(name).changes.at(-1)!.serial);
    }
    expect(nginx.log()).not.toMatch(/\[(crit|alert|emerg)\]/);
    site.expectNoKeyShown();
  });
});
