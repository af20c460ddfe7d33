import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { Pair } from '../../support/certificates.js';
import { makeWorkDirectory } from '../../support/nginx.js';
import { expectProblem, startPutSite, type PutSite } from '../../support/putting.js';

const FALLBACK = 'fallback.example';
const FAILED: [number, string, RegExp] = [
  500,
  'persist-failed',
  /^\/disk\/.*: .*Nothing was changed.*right.*room/,
];
const DISK = '/disk';

/** Runs a script in the container, as root. */
async function sh({ nginx }: PutSite, script: string): Promise<string> {
  const { exitCode, stdout, stderr } = await nginx.exec(['sh', '-c', script]);
  if (exitCode !== 0) throw new Error(stderr);
  return stdout;
}

/** What is under a folder: kinds, modes, owners, and contents. */
async function listing(site: PutSite, folder: string): Promise<string> {
  const entries = `find ${folder} -printf '%p %y %m %u\\n' | sort`;
  return sh(site, `${entries}; find ${folder} -type f ! -name filler -exec sha256sum {} + | sort`);
}

/** A work directory that workers may write certificates to. */
function writableDirectory(): string {
  const directory = makeWorkDirectory();
  chmodSync(join(directory, 'certs'), 0o777);
  return directory;
}

describe.each([
  { layout: 'two files', settings: {}, suffixes: ['cert.pem', 'key.pem'] },
  {
    layout: 'one file',
    settings: {
      file: '/etc/nginx/certs/{name}.pem',
      key_file: '/etc/nginx/certs/{name}.pem',
    },
    suffixes: ['pem'],
  },
])('puts that are written to $layout', async ({ settings, suffixes }) => {
  const options = { directory: writableDirectory(), settings: { persist: 'on', ...settings } };
  const site = await startPutSite(options);
  const issue = (...names: string[]): Promise<Pair> => site.authority.issue({ names });
  const files = async (): Promise<string[]> =>
    (await sh(site, 'ls -A /etc/nginx/certs')).split('\n').filter(Boolean);
  const fileOf = (name: string, i: number): Promise<string> =>
    sh(site, `cat /etc/nginx/certs/${name}.${suffixes[i]!}`);
  const trimmed = (text: string): string => text.replaceAll(/\n+(?=-|$)/g, '\n');

  test('are there for the owner alone, as they were sent but for remarks', async () => {
    await site.put('a.example', (await issue('a.example')).pairPem);
    const pair = await issue('a.example');
    expect(
      (await site.put('a.example', `# A remark\n${pair.keyPem}\n${pair.chainPem}`)).status,
    ).toBe(200);
    expect(await files()).toEqual(suffixes.map((suffix) => `a.example.${suffix}`));
    const modes = await sh(site, "stat -c '%a %U' /etc/nginx/certs/*");
    expect(modes).toMatch(/^(600 (?!root)\S+\n)+$/);
    const texts = suffixes.length === 1 ? [pair.pairPem] : [pair.chainPem, pair.keyPem];
    for (const [i, text] of texts.entries()) {
      expect(await fileOf('a.example', i)).toBe(trimmed(text));
    }
  });

  test('are all served when nginx is started again, until they are deleted', async () => {
    const served: Record<string, string> = {};
    for (const name of ['b.example', '*.w.example', FALLBACK]) {
      const pair = await issue(name);
      await site.put(name, pair.pairPem);
      served[name.replace('*', 'x')] = pair.serial;
    }
    const all = await issue('c.example', 'd.example');
    await site.put('', all.pairPem);
    Object.assign(served, { 'c.example': all.serial, 'd.example': all.serial });
    await site.nginx.stop();

    const again = await startPutSite(options);
    for (const [name, serial] of Object.entries(served)) {
      expect(await again.serial(name), name).toBe(serial);
    }
    expect(JSON.parse((await again.get('b.example')).body)).toMatchObject({ source: 'disk' });
    const held = Object.keys(served).map((name) => name.replace('x.w', '*.w'));
    for (const name of [...held, 'a.example']) {
      // That of a.example was not asked for since the start: its files are deleted all the same.
      expect((await again.delete(name)).status, name).toBe(200);
      expect((await again.delete(name)).status, name).toBe(404);
    }
    expect(await sh(again, 'ls -A /etc/nginx/certs')).toBe('');
    await expect(again.serial('b.example')).rejects.toThrow();
  });
});

describe('a put that cannot be written', async () => {
  const site = await startPutSite({
    tmpfs: { [DISK]: 'size=256k,mode=0777' },
    settings: {
      persist: 'on',
      file: `${DISK}/certs/{name}/chain.pem`,
      key_file: `${DISK}/keys/{name}.pem`,
      check_interval: '3600',
    },
  });
  const issue = (...names: string[]): Promise<Pair> => site.authority.issue({ names });
  const held = await issue('a.example');
  const first = await site.put('a.example', held.pairPem);
  const [next, both] = await Promise.all([issue('a.example'), issue('a.example', 'b.example')]);

  /** Everything that is to stay. */
  const state = async (): Promise<unknown[]> => [
    await listing(site, DISK),
    (await site.get('')).body,
    await site.serial('a.example'),
  ];

  afterEach(async () => {
    await sh(site, `chmod -R a+rwX ${DISK}; rm -rf ${DISK}/filler ${DISK}/*/b.example*`);
  });

  test('is one that can where it only lacks the folders', async () => {
    expect(first.status).toBe(201);
    const folders = await sh(
      site,
      `stat -c '%a %n' ${DISK}/certs ${DISK}/certs/a.example ${DISK}/keys`,
    );
    expect(folders).toMatch(/^(700 \S+\n){3}$/);
  });

  // In pages of 4 KiB: three files are written for a name, and a new name needs folders and inodes besides.
  const full = (pages: number): string =>
    `dd if=/dev/zero of=${DISK}/filler bs=4k 2>/dev/null; truncate -s -${4 * pages}k ${DISK}/filler`;
  const faults: [string, string][] = [
    ['read-only folders', `chmod 0555 ${DISK}/certs/a.example ${DISK}/keys`],
    ['a read-only folder of chains', `chmod 0555 ${DISK}/certs/a.example`],
    ['a read-only folder of keys', `chmod 0555 ${DISK}/keys`],
    ['a full disk', full(0)],
    ['a disk with room for the chain', full(1)],
    ['a disk with room for chain and key, and not for the pair', full(2)],
  ];

  test.each(faults)('%s: everything stays as it was', async (_, fault) => {
    await sh(site, fault);
    const before = await state();
    expectProblem(await site.put('a.example', next.pairPem), FAILED);
    expect(await state()).toEqual(before);
    expectProblem(await site.put('', both.pairPem), FAILED);
    expect(await state()).toEqual(before);
    expect((await site.get('b.example')).status).toBe(404);
  });

  test.each([
    ['chain', `${DISK}/certs/b.example/chain.pem`],
    ['key', `${DISK}/keys/b.example.pem`],
  ])(
    'a directory in the place of the %s of one name: all names stay as they were',
    async (_, path) => {
      await sh(site, `mkdir -p -m 0777 ${DISK}/certs/b.example ${path}`);
      const before = await state();
      const b = await issue('b.example');
      expectProblem(await site.put('b.example', b.pairPem), FAILED);
      expectProblem(await site.put('', both.pairPem), FAILED);
      expect(await state()).toEqual(before);
    },
  );

  test('a delete that cannot remove either file leaves both', async () => {
    for (const folder of ['certs/a.example', 'keys']) {
      await sh(site, `chmod 0555 ${DISK}/${folder}`);
      const before = await state();
      expectProblem(await site.delete('a.example'), FAILED);
      expect(await state()).toEqual(before);
      await sh(site, `chmod 0777 ${DISK}/${folder}`);
    }
  });

  test('is done when it is tried again, and shows no key', async () => {
    expect((await site.put('', both.pairPem)).status).toBe(201);
    expect([await site.serial('a.example'), await site.serial('b.example')]).toEqual([
      both.serial,
      both.serial,
    ]);
    expect(await listing(site, DISK)).not.toContain('put-');
    site.expectNoKeyShown();
  });
});

test('a put that the zone has no room for leaves no files, and those that are there', async () => {
  const site = await startPutSite({
    directory: writableDirectory(),
    zones: 'js_shared_dict_zone zone=certs:32k;',
    settings: { persist: 'on' },
  });
  const names = Array.from({ length: 40 }, (_, i) => `n${i}.example`);
  await site.put('n0.example', (await site.authority.issue({ names: ['n0.example'] })).pairPem);
  const before = await listing(site, '/etc/nginx/certs');
  const many = await site.authority.issue({ names });
  expectProblem(await site.put('', many.pairPem), [507, 'zone-full', /larger size/]);
  expect(await listing(site, '/etc/nginx/certs')).toBe(before);
  site.expectNoKeyShown();
});

test('without {name} in the templates nothing is written: one file is for all names', async () => {
  const site = await startPutSite({
    settings: { persist: 'on', file: '/etc/nginx/certs/all.pem' },
  });
  const { pairPem } = await site.authority.issue({ names: ['a.example'] });
  expectProblem(await site.put('a.example', pairPem), [500, 'persist-failed', /\{name\}/]);
});
