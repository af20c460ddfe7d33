import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { writePair } from '../../support/certificates.js';
import { CannotWatch } from '../../support/strace.js';
import { stallOneWorker } from '../../support/stall.js';
import { BACKDOOR, backdoorOf } from '../../support/backdoor.js';
import { startClients } from '../../support/image_clients.js';
import { startSite } from '../../support/site.js';

const NAME = 'a.example';
/** How long a lock is taken for that of a worker that lives, in milliseconds. */
const LOCK_LIFETIME_MS = 5000;
/** Longer than anything here takes, in milliseconds. */
const PATIENCE_MS = 20_000;

describe('a writer as fast as it goes', async () => {
  const WRITES = 20;
  const names = ['one.example', 'two.example'];
  const site = await startSite({
    names,
    variables: 'two',
    settings: { check_interval: '0' },
    ...BACKDOOR,
  });
  const backdoor = backdoorOf(site);

  test('certificate and key of every handshake agree', async () => {
    for (const name of names) await site.serial(name);
    await backdoor.flicker();
    const served = new Set<string>();
    const clients = startClients(8, () => async () => {
      served.add(await site.serial('flicker.example'));
    });
    let sets = 0;
    for (let burst = 0; burst < WRITES; burst++) sets += await backdoor.flicker();
    const handshakes = await clients.stop();
    expect([...served].sort()).toEqual(names.map((name) => site.serials[name]).sort());
    // The record changed many times within each handshake.
    expect(sets).toBeGreaterThan(10 * handshakes);
  });
});

describe("a lock in another worker's name", async () => {
  const site = await startSite({
    names: [NAME],
    settings: { check_interval: '0' },
    ...BACKDOOR,
  });
  const backdoor = backdoorOf(site);
  const lockKey = `#lock:${NAME}`;

  /** The number of a worker that is no more. */
  async function killedWorker(): Promise<number> {
    const [victim] = (await site.nginx.processes()).workers;
    await site.nginx.kill('SIGKILL', victim!);
    await expect
      .poll(async () => (await site.nginx.processes()).workers, { timeout: PATIENCE_MS })
      .not.toContain(victim);
    return victim!;
  }

  test.each<[string, () => Promise<string>]>([
    ['that was killed', async () => `${Date.now()}:${await killedWorker()}`],
    [
      'that is held up for too long',
      () => Promise.resolve(`${Date.now() - LOCK_LIFETIME_MS - 100}:1`),
    ],
    ['of a time to come', () => Promise.resolve(`${Date.now() + 3600_000}:1`)],
  ])('%s is broken by the next load', async (_, ticket) => {
    expect(await site.serial(NAME)).toBe(site.serials[NAME]);
    await site.renew(NAME);
    await backdoor.set(lockKey, await ticket());
    await site.clear();
    const before = await backdoor.get(NAME);
    expect(await site.serial(NAME)).toBe(site.serials[NAME]);
    expect(await backdoor.get(NAME)).not.toBe(before);
    expect(await backdoor.locks()).toEqual([]);
  });

  test.each<[string, () => Promise<number>]>([
    ['that works', async () => (await site.nginx.processes()).workers[0]!],
    ["of another user's process", async () => (await site.nginx.processes()).master],
  ])(
    '%s is respected: the name is served from its files, and nothing is written',
    async (_, holder) => {
      expect(await site.serial(NAME)).toBe(site.serials[NAME]);
      await site.renew(NAME);
      const before = await backdoor.get(NAME);
      await site.clear();
      const lock = `${Date.now()}:${await holder()}`;
      await backdoor.set(lockKey, lock);
      for (let round = 0; round < 4; round++) {
        expect(await site.serial(NAME)).toBe(site.serials[NAME]);
      }
      // On a machine that halts for so long, what came late says nothing.
      if (Date.now() < Number.parseInt(lock) + LOCK_LIFETIME_MS) {
        expect(await backdoor.get(NAME)).toBe(before);
        expect(await backdoor.get(lockKey)).toBe(lock);
      }
      await backdoor.set(lockKey, '');
      expect(await site.serial(NAME)).toBe(site.serials[NAME]);
      expect(await backdoor.get(NAME)).not.toBe(before);
      expect(await backdoor.locks()).toEqual([]);
    },
  );
});

describe('a worker that halts in the middle of a load', async () => {
  const CLEARED = 'cleared.example';
  const WATCHED = 'watched.example';
  const PUT = 'put.example';
  const SLOW = 'slow.example';
  const site = await startSite({
    names: [CLEARED, WATCHED, PUT, SLOW],
    http: `map $ssl_server_name $cert_check_interval { ${CLEARED} 0; ${SLOW} 1; default 0.1; }`,
  });

  /** Makes handshakes until one halts its worker; that is what it returns when the worker goes on. */
  async function halt(
    name: string,
    calls: string,
    seconds: number,
    prepare: () => Promise<unknown>,
  ): Promise<{ handshake: Promise<string> }> {
    const path = `/etc/nginx/certs/${name}.key.pem`;
    const stall = await stallOneWorker(site.nginx, calls, path, seconds);
    onTestFinished(stall.stop);
    const end = Date.now() + PATIENCE_MS;
    while (Date.now() < end) {
      await prepare();
      const handshake = site.serial(name);
      const over = handshake.then(() => true);
      // One after the other: nobody else holds the lock.
      while (!stall.hasBegun() && !(await Promise.race([over, sleep(5, false)])));
      if (stall.hasBegun()) return { handshake };
    }
    throw new Error(`No worker came to ${calls} of ${path}`);
  }

  const skipped = (skip: (note: string) => never) => (error: unknown) => {
    if (error instanceof CannotWatch) return skip(error.message);
    throw error;
  };

  test('with the old key in its hands: it does not bring the old pair back', async ({ skip }) => {
    const old = await site.serial(CLEARED);
    const seconds = LOCK_LIFETIME_MS / 1000 + 2;
    const { handshake } = await halt(CLEARED, 'openat', seconds, () => site.clear()).catch(
      skipped(skip),
    );
    const { serial } = await site.renew(CLEARED);
    // Breaks the lock when its time has come.
    await site.clear(CLEARED);
    // Some wait for the worker that halts.
    const served = await Promise.all(Array.from({ length: 16 }, () => site.serial(CLEARED)));
    expect(new Set(served)).toEqual(new Set([serial]));
    // It began before the clear.
    expect([old, serial]).toContain(await handshake);
    for (let round = 0; round < 8; round++) expect(await site.serial(CLEARED)).toBe(serial);
  });

  test('with a look at the old files: the new pair is not followed by the old one', async ({
    skip,
  }) => {
    const old = await site.serial(WATCHED);
    const { handshake } = await halt(WATCHED, '%%stat', 1.5, () => sleep(110)).catch(skipped(skip));
    const { serial } = await site.renew(WATCHED);
    const clients = startClients(8, () => {
      let isNew = false;
      return async () => {
        const served = await site.serial(WATCHED);
        expect(isNew ? [serial] : [old, serial]).toContain(served);
        isNew ||= served === serial;
      };
    });
    await handshake;
    await expect.poll(() => site.serial(WATCHED), { timeout: PATIENCE_MS }).toBe(serial);
    await sleep(200);
    expect(await clients.stop()).toBeGreaterThan(8);
  });

  test('with a look at the old files: the interval counts from when the look began', async ({
    skip,
  }) => {
    await site.serial(SLOW);
    const { handshake } = await halt(SLOW, '%%stat', 1.5, () => sleep(1050)).catch(skipped(skip));
    const { serial } = await site.renew(SLOW);
    await handshake;
    expect(await site.serial(SLOW)).toBe(serial);
  });

  test('on its way to the lock: it does not take what was put after a clear for cleared', async ({
    skip,
  }) => {
    const admin = (method: string, body = '') =>
      site.nginx.admin(`/certs/${PUT}`, { method, body });
    const { handshake } = await halt(PUT, '%%stat', 1.5, () => admin('DELETE')).catch(
      skipped(skip),
    );
    await site.clear();
    const { pairPem, serial } = await site.authority.issue({ names: [PUT] });
    expect((await admin('PUT', pairPem)).status).toBe(201);
    await handshake;
    for (let round = 0; round < 8; round++) expect(await site.serial(PUT)).toBe(serial);
  });
});

describe('kill -9 of workers under load', async () => {
  const KILLS = 8;
  const names = ['n0.example', 'n1.example', 'n2.example', 'n3.example'];
  const site = await startSite({
    names,
    variables: 'two',
    settings: { check_interval: '0' },
    ...BACKDOOR,
  });
  const backdoor = backdoorOf(site);

  test('every name keeps its latest pair, and only connections of a killed worker end', async () => {
    // What was never held has no last good pair, if it is first asked for between a renewal's two renames.
    for (const name of names) expect(await site.serial(name)).toBe(site.serials[name]);
    const versions = new Map(names.map((name) => [name, [site.serials[name]]]));
    const cleared = new Map(names.map((name) => [name, 0]));
    const kills: { from: number; to: number }[] = [];

    /** Does something, if need be again: a worker that is killed takes its connections with it, and no others. */
    async function unlessKilled<T>(ask: () => Promise<T>): Promise<T> {
      for (;;) {
        const from = Date.now();
        try {
          return await ask();
        } catch (error) {
          if (!kills.some((kill) => kill.from <= Date.now() && kill.to >= from)) throw error;
        }
      }
    }

    let turn = 0;
    const clients = startClients(8, () => async () => {
      const name = names[turn++ % names.length]!;
      const atLeast = cleared.get(name)!;
      const serial = await unlessKilled(() => site.serial(name));
      expect(versions.get(name)!.indexOf(serial)).toBeGreaterThanOrEqual(atLeast);
    });
    const rotations = startClients(1, () => {
      let rotation = 0;
      return async () => {
        const name = names[rotation++ % names.length]!;
        const pair = await site.authority.issue({ names: [name] });
        const version = versions.get(name)!.push(pair.serial) - 1;
        await writePair(site.nginx.certsDirectory, name, pair);
        await unlessKilled(() => site.clear(rotation % 3 ? name : undefined));
        cleared.set(name, version);
        expect(await unlessKilled(() => site.serial(name))).toBe(pair.serial);
      };
    });

    for (let i = 0; i < KILLS; i++) {
      const { workers } = await site.nginx.processes();
      const kill = { from: Date.now(), to: Infinity };
      kills.push(kill);
      await site.nginx.kill('SIGKILL', workers[i % workers.length]!);
      kill.to = Date.now();
      await sleep(100);
    }
    expect(await rotations.stop()).toBeGreaterThan(0);
    expect(await clients.stop()).toBeGreaterThan(0);

    for (const name of names) {
      expect(await backdoor.get(name), name).toBeDefined();
      await site.clear(name);
      expect(await site.serial(name)).toBe(versions.get(name)!.at(-1));
    }
    expect(await backdoor.locks()).toEqual([]);
    expect((await site.nginx.processes()).workers).toHaveLength(2);
  });
});
