import { describe, expect, test } from 'vitest';
import { BLOCKS, startSite } from '../../support/site.js';

describe.each(BLOCKS)('no zone, %s variables, in %s', async (variables, block) => {
  const site = await startSite({
    names: ['a.example'],
    zones: '',
    variables,
    block,
    settings: { fallback: 'a.example' },
  });

  test('every handshake is served from disk', async () => {
    expect(await site.serial('a.example')).toBe(site.serials['a.example']);
    await site.renew('a.example');
    expect(await site.serial('a.example')).toBe(site.serials['a.example']);
    expect(await site.serial()).toBe(site.serials['a.example']);
    expect(await site.serial('unknown.example')).toBe(site.serials['a.example']);
  });

  test('a clear has nothing to do', async () => {
    expect(await site.clear()).toEqual({ cleared: 'all' });
    expect(await site.clear('a.example')).toEqual({ cleared: 'a.example', cached: false });
  });
});

describe('a zone too small', async () => {
  const names = Array.from({ length: 30 }, (_, i) => `n${i}.example`);
  const site = await startSite({
    names,
    zones: 'js_shared_dict_zone zone=certs:32k;',
    settings: { check_interval: '0' },
  });

  test('every name is served all the same, and clears work', async () => {
    for (let round = 0; round < 3; round++) {
      for (const name of names) expect(await site.serial(name)).toBe(site.serials[name]);
      for (const name of names) await site.renew(name);
      await site.clear();
    }
    for (const name of names) expect(await site.serial(name)).toBe(site.serials[name]);
    const cached: boolean[] = [];
    for (const name of names) {
      await site.renew(name);
      cached.push(((await site.clear(name)) as { cached: boolean }).cached);
      expect(await site.serial(name)).toBe(site.serials[name]);
    }
    expect(new Set(cached)).toEqual(new Set([true, false]));
  });

  test('nothing fails in the log', () => {
    expect(site.nginx.log()).not.toMatch(/\[(error|crit|alert|emerg)\]/);
  });
});

describe('a reload', async () => {
  const site = await startSite({ names: ['a.example'], settings: { check_interval: '0' } });

  test('leaves the zone as it is', async () => {
    const old = await site.serial('a.example');
    await site.renew('a.example');
    await site.nginx.reload();
    expect(await site.serial('a.example')).toBe(old);
    await site.clear();
    expect(await site.serial('a.example')).toBe(site.serials['a.example']);
  });
});
