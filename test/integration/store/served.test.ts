import { describe, expect, test } from 'vitest';
import { findKeyTraces } from '../../support/key_traces.js';
import { STORE } from '../../support/nginx.js';
import { startPutSite } from '../../support/putting.js';
import { BLOCKS } from '../../support/site.js';

const DISK = 'disk.example';

describe.each(BLOCKS)('with a store, %s variables, in %s', async (variables, block) => {
  const site = await startPutSite({
    variables,
    block,
    names: [DISK],
    store: true,
    logLevel: 'debug',
  });

  test('a pair of files is served from a version in the store', async () => {
    expect(await site.serial(DISK)).toBe(site.serials[DISK]);
    const { stdout } = await site.nginx.exec(['find', STORE, '-type', 'f']);
    expect(stdout.trim().split('\n')).toHaveLength(1);
  });

  test('a renewal is served after a clear', async () => {
    const before = site.serials[DISK];
    await site.renew(DISK);
    expect(await site.serial(DISK)).toBe(before);
    await site.clear();
    expect(await site.serial(DISK)).toBe(site.serials[DISK]);
  });

  test('no key is in the log, whose level is debug', async () => {
    const pair = await site.renew(DISK);
    await site.clear();
    expect(await site.serial(DISK)).toBe(site.serials[DISK]);
    expect(findKeyTraces(site.nginx.log(), [pair.keyPem])).toEqual([]);
    expect(site.nginx.log()).toContain('[debug]');
  });
});

describe('a put with a store', async () => {
  const site = await startPutSite({ store: true });

  test('is served, listed, replaced and deleted', async () => {
    const pairs = await Promise.all(
      [1, 2].map(() => site.authority.issue({ names: ['a.example'] })),
    );
    for (const pair of pairs) {
      expect((await site.put('a.example', pair.pairPem)).status).toBeLessThan(300);
      expect(await site.serial('a.example')).toBe(pair.serial);
      expect(JSON.parse((await site.get('a.example')).body)).toMatchObject({ source: 'api' });
      expect((await site.get('')).body).toContain('"a.example"');
    }
    expect((await site.delete('a.example')).status).toBe(200);
    await expect(site.serial('a.example')).rejects.toThrow();
    expect((await site.get('')).body).not.toContain('"a.example"');
    site.expectNoKeyShown();
  });
});

test('a configuration that still sets $cert_persist is told so, once per worker', async () => {
  const site = await startPutSite({ store: true, workers: 1, settings: { persist: 'on' } });
  for (const name of ['a.example', 'b.example']) {
    const pair = await site.authority.issue({ names: [name] });
    expect((await site.put(name, pair.pairPem)).status).toBe(201);
    expect(await site.serial(name)).toBe(pair.serial);
  }
  expect(site.nginx.log().match(/\[error\].*\$cert_persist does nothing any more/g)).toHaveLength(
    1,
  );
});
