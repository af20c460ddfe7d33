import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { openConnection } from '../../support/tls_client.js';
import { serialsOfAllWorkers, startSite } from '../../support/site.js';

const WORKERS = 4;
const INTERVAL_S = 3;

describe.each(['one', 'two'] as const)('rotation on disk, %s variables', async (variables) => {
  const site = await startSite({
    names: ['a.example', 'b.example'],
    variables,
    workers: WORKERS,
    settings: { check_interval: '0' },
  });

  test('after a clear every worker serves the new pair, at the very next handshake', async () => {
    for (let round = 0; round < 3; round++) {
      const before = await serialsOfAllWorkers(site, 'a.example', WORKERS);
      expect(before).toEqual({ serials: [site.serials['a.example']], workers: WORKERS });
      await site.renew('a.example');
      expect(await site.serial('a.example')).toBe(before.serials[0]);
      expect(await site.clear()).toEqual({ cleared: 'all' });
      const after = await serialsOfAllWorkers(site, 'a.example', WORKERS);
      expect(after).toEqual({ serials: [site.serials['a.example']], workers: WORKERS });
    }
  });

  test('a clear of one name leaves the others as they are', async () => {
    const old = site.serials['b.example'];
    expect(await site.serial('b.example')).toBe(old);
    await site.renew('a.example');
    await site.renew('b.example');
    expect(await site.clear('A.example.')).toEqual({ cleared: 'a.example', cached: true });
    expect(await site.serial('a.example')).toBe(site.serials['a.example']);
    expect(await site.serial('b.example')).toBe(old);
    expect(await site.clear('never.example')).toEqual({ cleared: 'never.example', cached: false });
    expect(await site.clear('b.example')).toEqual({ cleared: 'b.example', cached: true });
    expect(await site.serial('b.example')).toBe(site.serials['b.example']);
  });

  test('removed files are served until a clear, and gone after it', async () => {
    await site.renew('gone.example');
    expect(await site.serial('gone.example')).toBe(site.serials['gone.example']);
    site.remove('gone.example');
    expect(await site.serial('gone.example')).toBe(site.serials['gone.example']);
    await site.clear();
    await expect(site.serial('gone.example')).rejects.toThrow();
  });

  test('a connection that is open during a rotation keeps working', async () => {
    const connection = await openConnection({ ...site.nginx.tls, servername: 'a.example' });
    const before = await connection.get('/');
    await site.renew('a.example');
    await site.clear();
    expect(await site.serial('a.example')).toBe(site.serials['a.example']);
    expect(await connection.get('/')).toEqual(before);
    await connection.close();
  });

  test('master and workers stay the processes they were', async () => {
    const before = await site.nginx.processes();
    await site.renew('a.example');
    await site.clear();
    expect(await site.serial('a.example')).toBe(site.serials['a.example']);
    expect(await site.nginx.processes()).toEqual(before);
  });
});

describe('without a clear', async () => {
  const site = await startSite({
    names: ['a.example', 'gone.example'],
    settings: { check_interval: `${INTERVAL_S}` },
  });

  test('changed files are picked up after the check interval, and not before', async () => {
    const start = Date.now();
    const old = await site.serial('a.example');
    await site.renew('a.example');
    let early = 0;
    while (Date.now() - start < INTERVAL_S * 1000 - 500) {
      const serial = await site.serial('a.example');
      // On a machine that halts for a while, what came late says nothing.
      if (Date.now() - start >= INTERVAL_S * 1000) break;
      expect(serial).toBe(old);
      early++;
      await sleep(100);
    }
    expect(early).toBeGreaterThan(0);
    await sleep(start + INTERVAL_S * 1000 + 500 - Date.now());
    expect(await site.serial('a.example')).toBe(site.serials['a.example']);
  });

  test('removed files stay served, and one line in the log says so', async () => {
    expect(await site.serial('gone.example')).toBe(site.serials['gone.example']);
    site.remove('gone.example');
    for (let round = 0; round < 3; round++) {
      await sleep(INTERVAL_S * 1000 + 100);
      expect(await site.serial('gone.example')).toBe(site.serials['gone.example']);
    }
    const lines = site.nginx.log().split('\n');
    expect(lines.filter((line) => line.includes('the files are gone'))).toHaveLength(1);
  });
});
