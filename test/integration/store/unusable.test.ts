import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { run } from '../../setup/command.js';
import { writePair } from '../../support/certificates.js';
import { mountBind, mountTmpfs, remountTmpfs, unmount } from '../../support/mounts.js';
import { STORE, makeWorkDirectory, type Nginx } from '../../support/nginx.js';
import { expectProblem, startPutSite, type PutSite } from '../../support/putting.js';
import { readStore } from '../../support/stored.js';

const LONG = { timeout: 120_000 };

const FAILURES = /^cert_rotation_store_failures_total (\d+)$/m;

/** Runs a script in a container, as root. */
const asRoot = ({ containerId }: Nginx, script: string): Promise<string> =>
  run('docker', ['exec', containerId, 'sh', '-c', script]);

async function failures(site: PutSite): Promise<number> {
  return Number(FAILURES.exec((await site.nginx.admin('/metrics')).body)?.[1]);
}

const linesWith = (site: PutSite, text: string): string[] =>
  site.nginx
    .log()
    .split('\n')
    .filter((line) => line.includes(text));

/** Writes files of a name, and expects them to be served. */
async function expectFilesServed(site: PutSite, name: string): Promise<void> {
  const pair = await site.authority.issue({ names: [name] });
  await writePair(site.nginx.certsDirectory, name, pair);
  for (let i = 0; i < 3; i++) expect(await site.serial(name), name).toBe(pair.serial);
}

const FULL = [
  {
    title: 'is full',
    mount: 'size=512k,mode=0777',
    spoil: `head -c 1m /dev/zero >${STORE}/filling 2>/dev/null; true`,
    mend: `rm ${STORE}/filling`,
    mayDelete: true,
  },
  {
    title: 'is out of inodes',
    mount: 'size=4m,nr_inodes=60,mode=0777',
    spoil: `for i in $(seq 99); do touch ${STORE}/filling$i; done 2>/dev/null; true`,
    mend: `rm ${STORE}/filling*`,
    mayDelete: true,
  },
  {
    title: 'is mounted read-only',
    mount: 'size=4m,mode=0777',
    spoil: remountTmpfs(STORE, 'size=4m,mode=0777', true),
    mend: remountTmpfs(STORE, 'size=4m,mode=0777', false),
    mayDelete: false,
  },
  {
    title: 'its user may not write',
    mount: 'size=4m,mode=0777',
    spoil: `chmod -R a-w ${STORE}/cert-rotation.v1`,
    mend: `chmod -R u+w ${STORE}/cert-rotation.v1`,
    mayDelete: false,
  },
];

describe.each(FULL)('a store that $title', async ({ mount, spoil, mend, mayDelete }) => {
  const site = await startPutSite({ store: true, tmpfs: { [STORE]: mount }, mayMount: true });
  const [old, next] = await Promise.all(
    [0, 1].map(() => site.authority.issue({ names: ['*.put.example'] })),
  );

  test('refuses puts, loses nothing, and passes new pairs of files as text', async () => {
    for (const name of ['a.put.example', 'b.put.example']) {
      expect((await site.put(name, old!.pairPem)).status).toBe(201);
    }
    await asRoot(site.nginx, spoil);

    const before = (await site.get('')).body;
    for (const name of ['a.put.example', 'new.put.example']) {
      expectProblem(await site.put(name, next!.pairPem), [
        500,
        'store-failed',
        /Nothing was changed/,
      ]);
    }
    expect((await site.get('')).body).toBe(before);
    expect(await site.serial('a.put.example')).toBe(old!.serial);
    await expect(site.serial('new.put.example')).rejects.toThrow();

    await expectFilesServed(site, 'files.example');
    // What is stored is looked at in between.
    await site.clear('a.put.example');
    expect(await site.serial('a.put.example')).toBe(old!.serial);
    await expectFilesServed(site, 'more.example');
    expect(linesWith(site, 'the store cannot be written')).toHaveLength(1);
    expect(await failures(site)).toBeGreaterThan(1);

    await site.clear();
    expect(await site.serial('a.put.example')).toBe(old!.serial);
    const deleted = await site.delete('b.put.example');
    if (mayDelete) {
      expect(deleted.status, deleted.body).toBe(200);
      await expect(site.serial('b.put.example')).rejects.toThrow();
    } else {
      expectProblem(deleted, [500, 'store-failed', /Nothing was changed/]);
      expect(await site.serial('b.put.example')).toBe(old!.serial);
    }
  });

  test('is used again once it can be written', async () => {
    await asRoot(site.nginx, mend);
    expect((await site.put('a.put.example', next!.pairPem)).status).toBe(200);
    expect(await site.serial('a.put.example')).toBe(next!.serial);
    expect((await readStore(site.nginx)).temporary).toEqual([]);
    await site.clear();
    const count = await failures(site);
    await expectFilesServed(site, 'later.example');
    expect(await failures(site)).toBe(count);
  });
});

describe('a store that goes away while it is served from', async () => {
  const mounted = `${STORE}/mounted`;
  const site = await startPutSite({ store: true, settings: { store: mounted } });
  const pair = await site.authority.issue({ names: ['a.example'] });

  test.each([
    ['leaving nothing', 'true'],
    ['leaving an empty folder', `mkdir -m 777 ${mounted}`],
    ["leaving a folder that is root's", `mkdir ${mounted}`],
  ])('%s, has everything when it is back', async (_, leave) => {
    await asRoot(site.nginx, `mkdir -p -m 777 ${mounted}`);
    expect((await site.put('a.example', pair.pairPem)).status).toBeLessThan(300);
    await asRoot(site.nginx, `mv ${mounted} ${STORE}/aside && ${leave}`);
    expectProblem(await site.delete('a.example'), [500, 'store-failed', /Nothing was changed/]);
    await site.clear();
    await site.serial('a.example').catch(() => undefined);
    await site.get('');
    await expectFilesServed(site, 'files.example');

    await asRoot(site.nginx, `rm -rf ${mounted} && mv ${STORE}/aside ${mounted}`);
    await site.clear();
    expect((await site.get('')).body).toContain('"a.example"');
    expect(await site.serial('a.example')).toBe(pair.serial);
    expect((await site.delete('a.example')).status).toBe(200);
    await expect(site.serial('a.example')).rejects.toThrow();
  });
});

const INTERVAL_MS = 1000;

describe.each([
  ["root's", 755],
  ['a folder that all may write', 777],
])('a mount that goes away while it is served from, over %s', async (_, mode) => {
  const mounted = `${STORE}/mounted`;
  const site = await startPutSite({
    store: true,
    withoutCache: true,
    mayMount: true,
    settings: { store: mounted, check_interval: `${INTERVAL_MS / 1000}` },
    names: ['files.example'],
  });
  const issue = (name: string) => site.authority.issue({ names: [name] });
  const [put, deleted, other] = await Promise.all(
    ['put.example', 'deleted.example', 'other.example'].map(issue),
  );
  const names = ['put.example', 'files.example'];
  const mount = mountBind('/backing', mounted);
  await asRoot(
    site.nginx,
    `mkdir -m ${mode} ${mounted} && mkdir /backing && ${mountTmpfs('/backing', 'mode=777')} && ${mount}`,
  );

  test('has everything, and nothing else, when it is mounted again', LONG, async () => {
    for (const pair of [put!, deleted!])
      expect((await site.put('', pair.pairPem)).status).toBe(201);
    expect((await site.delete('deleted.example')).status).toBe(200);
    const before = { 'put.example': put!.serial, 'files.example': site.serials['files.example']! };
    const served = (name: string): Promise<string> => site.serial(name).catch(() => '');

    /** What is served for each name until a time is over, each once. */
    async function servedFor(ms: number): Promise<Record<string, Set<string>>> {
      const all = Object.fromEntries(names.map((name) => [name, new Set<string>()]));
      const end = Date.now() + ms;
      while (Date.now() < end) for (const name of names) all[name]!.add(await served(name));
      return all;
    }
    for (const name of names) expect(await served(name)).toBe(before[name as keyof typeof before]);

    await asRoot(site.nginx, unmount(mounted));
    // For as long as paths are fresh, they lead to nothing.
    await servedFor(INTERVAL_MS + 200);
    expect((await servedFor(1000))['files.example']).toEqual(new Set([before['files.example']]));
    await site.clear();
    await site.clear('put.example');
    const answer = await site.put('other.example', other!.pairPem);
    // What is under the mount may be a store of its own, for as long.
    if (mode === 777) expect(answer.status).toBe(201);
    else expectProblem(answer, [500, 'store-failed', /Nothing was changed/]);
    expect((await site.get('')).body).toContain('"files.example"');
    await expectFilesServed(site, 'files.example');

    await asRoot(site.nginx, mount);
    await servedFor(INTERVAL_MS + 200);
    const after = await servedFor(1000);
    expect(after['put.example']).toEqual(new Set([put!.serial]));
    expect(after['files.example']!.size).toBe(1);
    for (const name of ['deleted.example', 'other.example']) expect(await served(name)).toBe('');
    const list = JSON.parse((await site.get('')).body) as { certs: { name: string }[] };
    expect(list.certs.map(({ name }) => name)).toEqual(['files.example', 'put.example']);
    expect((await site.put('put.example', put!.pairPem)).status).toBe(200);
    expect((await site.delete('put.example')).status).toBe(200);
    expect(await served('put.example')).toBe('');
  });
});

const OWN = 'store/cert-rotation.v1';

const UNFIT = [
  { title: 'a relative path', store: 'certs', prepare: () => undefined, says: /absolute path/ },
  {
    title: 'a folder that is not there',
    store: '/nowhere',
    prepare: () => undefined,
    says: /make the folder/,
  },
  {
    title: "a symlink in place of the program's folder",
    prepare: (directory: string) => {
      symlinkSync('/tmp', join(directory, OWN));
    },
    says: /has to be a folder/,
  },
  {
    title: "a file in place of the program's folder",
    prepare: (directory: string) => {
      writeFileSync(join(directory, OWN), '');
    },
    says: /has to be a folder/,
  },
  {
    title: 'a folder that others may read',
    prepare: (directory: string) => {
      mkdirSync(join(directory, OWN), 0o755);
    },
    says: /mode has to be 0700/,
  },
  {
    title: "another user's folder",
    prepare: (directory: string) => {
      mkdirSync(join(directory, OWN), 0o700);
    },
    says: /belongs to user/,
  },
];

test.each(UNFIT)('$title is no store', async ({ store = STORE, prepare, says }) => {
  const directory = makeWorkDirectory();
  prepare(directory);
  const site = await startPutSite({ directory, store: true, settings: { store } });
  await expectFilesServed(site, 'files.example');
  await expectFilesServed(site, 'more.example');
  const pair = await site.authority.issue({ names: ['a.example'] });
  expectProblem(await site.put('a.example', pair.pairPem), [
    500,
    'store-failed',
    /Nothing was changed/,
  ]);
  await expect(site.serial('a.example')).rejects.toThrow();
  const lines = linesWith(site, 'no store:');
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(says);
  expect(await failures(site)).toBeGreaterThan(1);
});
