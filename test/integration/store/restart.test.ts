import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { run } from '../../setup/command.js';
import type { Pair } from '../../support/certificates.js';
import { makeWorkDirectory } from '../../support/nginx.js';
import { startPutSite, type PutSite } from '../../support/putting.js';
import type { SiteOptions } from '../../support/site.js';
import { ageNotes, currentVersions, readStore } from '../../support/stored.js';

// Runs on debian13, qjs: the oldest nginx and the newest; what is in the store does not depend on more.

const LONG = { timeout: 120_000 };

const OPTIONS = {
  store: true,
  zones: 'js_shared_dict_zone zone=certs:8m;',
  settings: { check_interval: '2' },
} satisfies SiteOptions;

/** Ends all processes at once, and starts another nginx on what is left. */
async function killedAndStarted(site: PutSite, directory: string): Promise<PutSite> {
  await run('docker', ['kill', site.nginx.containerId]);
  await site.nginx.stop();
  return startPutSite({ ...OPTIONS, authority: site.authority, directory });
}

describe('what was put', async () => {
  const directory = makeWorkDirectory();
  const first = await startPutSite({ ...OPTIONS, directory });
  const issue = (name: string): Promise<Pair> => first.authority.issue({ names: [name] });

  test('outlives a clear, a reload and a kill; a delete does as well', LONG, async () => {
    const [kept, deleted, old] = await Promise.all(
      ['kept.example', 'deleted.example', 'again.example'].map(issue),
    );
    const [again] = await Promise.all([issue('again.example')]);
    for (const body of [kept!, deleted!, old!, again, old!]) {
      expect((await first.put('', body.pairPem)).status).toBeLessThan(300);
    }
    await first.clear();
    expect((await first.delete('deleted.example')).status).toBe(200);
    await first.nginx.reload();
    let site = first;
    for (let round = 0; round < 2; round++) {
      const list = (await site.get('')).body;
      expect(list).toContain('"kept.example"');
      expect(list).not.toContain('"deleted.example"');
      expect(await site.serial('kept.example')).toBe(kept!.serial);
      expect(await site.serial('again.example')).toBe(old!.serial);
      await expect(site.serial('deleted.example')).rejects.toThrow();
      site = await killedAndStarted(site, directory);
    }
    first.expectNoKeyShown();
  });
});

describe('versions', async () => {
  const site = await startPutSite({ ...OPTIONS, workers: 1 });

  test('are removed a minute after they were replaced, whatever makes a sweep', LONG, async () => {
    const [one, other] = await Promise.all(
      [0, 1].map(() => site.authority.issue({ names: ['a.example'] })),
    );
    expect((await site.put('a.example', one!.pairPem)).status).toBe(201);
    const [version] = (await readStore(site.nginx)).versions;
    // It was current for long when it is replaced.
    await ageNotes(site.nginx);
    const chain = { ...other!, pairPem: one!.certPem + one!.keyPem };
    // The same leaf with another chain.
    expect((await site.put('a.example', chain.pairPem)).status).toBe(200);
    expect(await site.serial('a.example')).toBe(one!.serial);
    for (let i = 0; i < 3; i++) {
      await site.put('b.a.example', '');
      await site.clear();
      await site.serial('a.example');
    }
    expect((await readStore(site.nginx)).versions).toContain(version);

    await ageNotes(site.nginx);
    // A sweep is due every ten seconds.
    await sleep(10_500);
    const pairs = await site.authority.issue({ names: ['b.example'] });
    await site.put('b.example', pairs.pairPem);
    const stored = await readStore(site.nginx);
    expect(stored.versions).not.toContain(version);
    for (const current of currentVersions(stored)) expect(stored.versions).toContain(current);
    expect(await site.serial('a.example')).toBe(one!.serial);
  });
});

describe('300 names', async () => {
  const COUNT = 300;
  const directory = makeWorkDirectory();
  const first = await startPutSite({ ...OPTIONS, directory });

  test('are all served and listed after a kill', LONG, async () => {
    const pair = await first.authority.issue({ names: ['n0.example', '*.n.example'] });
    expect((await first.put('n0.example', pair.pairPem)).status).toBe(201);
    const names = Array.from({ length: COUNT }, (_, i) => `n${i}.n.example`);
    for (let from = 0; from < COUNT; from += 20) {
      const part = names.slice(from, from + 20).map((name) => first.put(name, pair.pairPem));
      for (const { status } of await Promise.all(part)) expect(status).toBe(201);
    }
    const site = await killedAndStarted(first, directory);
    expect(await site.serial('n7.n.example')).toBe(pair.serial);
    const listed = new Set<string>();
    let after = '';
    do {
      const page = JSON.parse((await site.get(`?limit=1000&after=${after}`)).body) as {
        certs: { name: string }[];
        next: string | null;
      };
      for (const { name } of page.certs) listed.add(name);
      after = page.next ?? '';
    } while (after !== '');
    expect(names.filter((name) => !listed.has(name))).toEqual([]);
  });
});
