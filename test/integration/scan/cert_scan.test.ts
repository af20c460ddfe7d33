import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ClientOptions } from '../../support/tls_client.js';
import { growth, scrape } from '../../support/metrics.js';
import { makeWorkDirectory } from '../../support/nginx.js';
import { errorsOf, expectNoKey } from '../../support/log.js';
import { backdoorOf, BACKDOOR } from '../../support/backdoor.js';
import { PERIODIC, startFolder } from '../../support/scanning.js';
import { serialsOfAllWorkers, startSite } from '../../support/site.js';

const DAY_MS = 24 * 3_600_000;
/** How long what nobody has announced may take to be served, in milliseconds. */
const PATIENCE_MS = 15_000;

const daysFromNow = (days: number): Date => new Date(Date.now() + days * DAY_MS);

describe('names come from the certificates', async () => {
  const { site, write, pairs } = await startFolder();

  test('each DNS name of a certificate is served it, on every worker, once a clear has answered', async () => {
    const { serial } = await write('one', ['a.one.example', 'b.one.example', '*.w.one.example']);
    await site.clear();
    for (const name of ['a.one.example', 'B.one.example.', 'x.w.one.example', 'y.w.one.example']) {
      expect(await site.serial(name), name).toBe(serial);
    }
    expect(await serialsOfAllWorkers(site, 'a.one.example', 2)).toEqual({
      serials: [serial],
      workers: 2,
    });
    await expect(site.serial('x.y.w.one.example')).rejects.toThrow();
    // Its label is no name of it.
    await expect(site.serial('one')).rejects.toThrow();
  });

  test('a client cannot ask for it by its key in the zone', async () => {
    await expect(site.serial('*file:one')).rejects.toThrow();
  });

  test('when a certificate is replaced by one for other names, the index follows', async () => {
    await write('two', ['stays.two.example', 'goes.two.example']);
    await site.clear();
    expect(await site.serial('goes.two.example')).toBe(await site.serial('stays.two.example'));
    const { serial } = await write('two', ['stays.two.example', 'comes.two.example']);
    await site.clear();
    expect(await site.serial('stays.two.example')).toBe(serial);
    expect(await site.serial('comes.two.example')).toBe(serial);
    await expect(site.serial('goes.two.example')).rejects.toThrow();
  });

  test('a clear of a name reads the file that it is in', async () => {
    await write('three', ['three.example']);
    await site.clear();
    await site.serial('three.example');
    const { serial } = await write('three', ['three.example', 'new.three.example']);
    expect(await site.clear('three.example')).toEqual({ cleared: 'three.example', cached: true });
    expect(await site.serial('three.example')).toBe(serial);
    expect(await site.serial('new.three.example')).toBe(serial);
  });

  test('what was written only just now is read twice: a second write may look like the first', async () => {
    await write('tick', ['tick.example']);
    await site.clear();
    const before = await scrape(site.nginx);
    await site.clear();
    const grown = growth(before, await scrape(site.nginx));
    expect(grown['loads_total{result="unchanged"}']).toBeGreaterThanOrEqual(1);
  });

  test('nothing is an error, and no key is in the log', () => {
    expect(errorsOf(site).filter((line) => !line.includes('cannot load certificate'))).toEqual([]);
    expectNoKey(site, pairs);
  });
});

describe('of several certificates for a name', async () => {
  const { site, write, remove } = await startFolder();
  const servedFor = async (name: string): Promise<string> => {
    await site.clear();
    return site.serial(name);
  };

  test('the one that expires last is served, and the other one once that is gone', async () => {
    const late = await write('b-late', ['expiry.example'], { notAfter: daysFromNow(60) });
    const early = await write('a-early', ['expiry.example'], { notAfter: daysFromNow(30) });
    expect(await servedFor('expiry.example')).toBe(late.serial);
    const later = await write('a-early', ['expiry.example'], { notAfter: daysFromNow(90) });
    expect(await servedFor('expiry.example')).toBe(later.serial);
    remove('a-early');
    expect(await servedFor('expiry.example')).toBe(late.serial);
    expect(early.serial).not.toBe(later.serial);
  });

  test('the valid one is served, whatever the other one promises', async () => {
    const notBefore = daysFromNow(1);
    const valid = await write('valid', ['valid.example'], { notAfter: daysFromNow(1) });
    await write('early', ['valid.example'], { notBefore, notAfter: daysFromNow(90) });
    await write('expired', ['valid.example'], {
      notBefore: daysFromNow(-9),
      notAfter: daysFromNow(-1),
    });
    expect(await servedFor('valid.example')).toBe(valid.serial);
  });

  test('of two that are alike the first one by its label is served', async () => {
    const notAfter = daysFromNow(40);
    notAfter.setMilliseconds(0);
    await write('tie-b', ['tie.example'], { notAfter });
    const first = await write('tie-a', ['tie.example'], { notAfter });
    await write('tie-c', ['tie.example'], { notAfter });
    expect(await servedFor('tie.example')).toBe(first.serial);
  });

  test('an exact name wins over a wildcard that expires later', async () => {
    const exact = await write('exact', ['a.w.example'], { notAfter: daysFromNow(5) });
    const wild = await write('wild', ['*.w.example'], { notAfter: daysFromNow(80) });
    expect(await servedFor('a.w.example')).toBe(exact.serial);
    expect(await servedFor('b.w.example')).toBe(wild.serial);
  });

  test("the name's own files win, and the index is back when they go", async () => {
    const found = await write('own', ['own.example'], { notAfter: daysFromNow(80) });
    expect(await servedFor('own.example')).toBe(found.serial);
    const own = await site.renew('own.example');
    expect(await servedFor('own.example')).toBe(own.serial);
    site.remove('own.example');
    expect(await servedFor('own.example')).toBe(found.serial);
  });

  test("the name's own files are found by a handshake, too, and refused ones leave the index", async () => {
    const found = await write('later', ['later.example']);
    const bad = await site.authority.issue({ names: ['other.example'] });
    expect(await servedFor('later.example')).toBe(found.serial);
    writeFileSync(join(site.nginx.certsDirectory, 'later.example.cert.pem'), bad.chainPem);
    writeFileSync(join(site.nginx.certsDirectory, 'later.example.key.pem'), bad.keyPem);
    expect(await servedFor('later.example')).toBe(found.serial);
    expect(await servedFor('later.example')).toBe(found.serial);
    const lines = errorsOf(site).filter((line) => line.includes('later.example'));
    expect(lines).toEqual([
      expect.stringMatching(
        /later\.example: name-not-covered: .*; the pair that \$cert_scan found is served/,
      ),
    ]);
  });
});

describe('a file that cannot be served', async () => {
  const { site, write, remove, path, pairs } = await startFolder();
  const refusals = (label: string): string[] =>
    errorsOf(site).filter((line) => line.includes(`/${label}.crt: `));
  const CODES: [string, string, (label: string) => Promise<void> | void][] = [
    [
      'half-written',
      'malformed',
      async (label) => {
        const pair = await write(label, ['half.example']);
        writeFileSync(path(`${label}.crt`), pair.chainPem.slice(0, 400));
      },
    ],
    [
      'mismatched',
      'key-mismatch',
      async (label) => {
        await write(label, ['mismatch.example']);
        writeFileSync(path(`${label}.key.pem`), pairs[0]!.keyPem);
      },
    ],
    [
      'keyless',
      'unreadable',
      async (label) => {
        await write(label, ['keyless.example']);
        rmSync(path(`${label}.key.pem`));
      },
    ],
    [
      'forbidden',
      'unreadable',
      async (label) => {
        await write(label, ['forbidden.example']);
        chmodSync(path(`${label}.crt`), 0o600);
      },
    ],
    [
      'folder',
      'unreadable',
      (label) => {
        mkdirSync(path(`${label}.crt`));
      },
    ],
    [
      'cycle',
      'unreadable',
      (label) => {
        symlinkSync(`${label}.crt`, path(`${label}.crt`));
      },
    ],
    [
      'dangling',
      'unreadable',
      (label) => {
        symlinkSync('nowhere', path(`${label}.crt`));
      },
    ],
    [
      'nameless',
      'name-not-covered',
      async (label) => {
        await write(label, ['not a name']);
      },
    ],
  ];
  await write('good', ['good.example']);
  for (const [label, , make] of CODES) await make(label);

  test('is left out, and the others are served', async () => {
    await site.clear();
    expect(await site.serial('good.example')).toBe(pairs[0]!.serial);
    for (const name of ['half', 'mismatch', 'keyless', 'forbidden']) {
      await expect(site.serial(`${name}.example`), name).rejects.toThrow();
    }
  });

  test.each(CODES)('is reported once: %s, %s', async (label, code) => {
    await site.clear();
    await site.clear();
    expect(refusals(label)).toEqual([expect.stringContaining(`.crt: ${code}: `)]);
    expect(refusals(label)[0]).toContain('nothing is served for it');
  });

  test('is served once it is good, and stays as it was when it is bad again', async () => {
    chmodSync(path('forbidden.crt'), 0o644);
    await site.clear();
    const served = await site.serial('forbidden.example');
    expect(pairs.map(({ serial }) => serial)).toContain(served);
    writeFileSync(path('forbidden.crt'), 'no certificate');
    await site.clear();
    expect(await site.serial('forbidden.example')).toBe(served);
    expect(refusals('forbidden').at(-1)).toContain('the pair held before is still served');
  });

  test('that is gone is served until a clear', async () => {
    const { serial } = await write('goes', ['goes.example']);
    await site.clear();
    expect(await site.serial('goes.example')).toBe(serial);
    remove('goes');
    expect(await site.serial('goes.example')).toBe(serial);
    await site.clear();
    await expect(site.serial('goes.example')).rejects.toThrow();
  });

  test('no key is in the log', () => {
    expectNoKey(site, pairs);
  });
});

describe('a pair that is put for a name of the index', async () => {
  const { site, write } = await startFolder();
  const put = async (name: string): Promise<string> => {
    const pair = await site.authority.issue({ names: [name] });
    const { status } = await site.nginx.admin(`/certs/${name}`, {
      method: 'PUT',
      body: pair.pairPem,
    });
    expect(status).toBe(200);
    return pair.serial;
  };

  test('is served until a clear, with handshakes in between and without', async () => {
    const found = await write('a', ['a.example', 'b.example']);
    await site.clear();
    for (const name of ['a.example', 'b.example']) {
      const serial = await put(name);
      expect(await site.serial(name)).toBe(serial);
    }
    // A clear of another name is none of this one.
    await site.clear('other.example');
    expect(await site.serial('a.example')).not.toBe(found.serial);
    await site.clear('a.example');
    expect(await site.serial('a.example')).toBe(found.serial);
    expect(await site.serial('b.example')).not.toBe(found.serial);
    await site.clear();
    expect(await site.serial('b.example')).toBe(found.serial);
  });

  test('is served until its file changes', async () => {
    await write('c', ['c.example']);
    await site.clear();
    const serial = await put('c.example');
    await site.clear('other.example');
    expect(await site.serial('c.example')).toBe(serial);
    const renewed = await write('c', ['c.example']);
    await site.clear('other.example');
    expect(await site.serial('c.example')).toBe(renewed.serial);
  });

  test('is served until it is deleted, and then at once what the index has', async () => {
    const found = await write('d', ['d.example']);
    await site.clear();
    const serial = await put('d.example');
    expect(await site.serial('d.example')).toBe(serial);
    expect((await site.nginx.admin('/certs/d.example', { method: 'DELETE' })).status).toBe(200);
    expect(await site.serial('d.example')).toBe(found.serial);
    // What is in the folder comes back.
    expect((await site.nginx.admin('/certs/d.example', { method: 'DELETE' })).status).toBe(200);
    expect(await site.serial('d.example')).toBe(found.serial);
  });
});

describe('without a clear', async () => {
  const { site, write, remove } = await startFolder({ settings: { check_interval: '0.5' } });
  const served = (name: string): Promise<string> => site.serial(name).catch(() => 'none');
  const eventually = { timeout: PATIENCE_MS, interval: 50 };

  test('new files, other names in them and better ones are found in time', async () => {
    const first = await write('one', ['a.example', 'b.example']);
    await expect.poll(() => served('a.example'), eventually).toBe(first.serial);
    const second = await write('one', ['b.example', 'c.example']);
    await expect.poll(() => served('c.example'), eventually).toBe(second.serial);
    expect(await served('b.example')).toBe(second.serial);
    expect(await served('a.example')).toBe('none');
    const better = await write('two', ['c.example'], { notAfter: daysFromNow(200) });
    await expect.poll(() => served('c.example'), eventually).toBe(better.serial);
    expect(await served('b.example')).toBe(second.serial);
  });

  test('files that are gone are served', async () => {
    const { serial } = await write('gone', ['gone.example']);
    await expect.poll(() => served('gone.example'), eventually).toBe(serial);
    remove('gone');
    await expect
      .poll(() => errorsOf(site).filter((line) => line.includes('the files are gone')), eventually)
      .toHaveLength(1);
    expect(await served('gone.example')).toBe(serial);
  });

  test('after a reload, and after the worker that scans was killed, the scan goes on', async () => {
    await site.nginx.reload();
    const first = await write('reload', ['reload.example']);
    await expect.poll(() => served('reload.example'), eventually).toBe(first.serial);
    for (const worker of (await site.nginx.processes()).workers) {
      await site.nginx.kill('SIGKILL', worker);
    }
    const second = await write('killed', ['killed.example']);
    await expect.poll(() => served('killed.example'), eventually).toBe(second.serial);
  });
});

describe.each([
  ['certs/*.crt', 'has to be an absolute path with one *'],
  ['/etc/nginx/certs/*/*.crt', 'has to be an absolute path with one *'],
  ['/nowhere/*.crt', '/nowhere: '],
  ['/etc/nginx/nginx.conf/*.crt', '/etc/nginx/nginx.conf: '],
])('$cert_scan %s', async (scan, reason) => {
  const { site } = await startFolder({ names: ['own.example'], settings: { scan } });

  test('is one line in the log, and names with files of their own are served', async () => {
    await site.clear();
    await site.nginx.reload();
    await site.clear();
    expect(await site.serial('own.example')).toBe(site.serials['own.example']);
    expect(errorsOf(site)).toEqual([expect.stringContaining(`cert_rotation: scan: `)]);
    expect(errorsOf(site)[0]).toContain(reason);
  });
});

describe('a folder that comes and goes', async () => {
  const { site, write, path } = await startFolder({
    settings: { scan: '/etc/nginx/certs/live/*.crt' },
  });

  test('is found when it comes, and what it held is served until a clear after it went', async () => {
    const { chainPem, keyPem, serial } = await write('a', ['a.example']);
    mkdirSync(path('live'));
    writeFileSync(path('live/a.crt'), chainPem);
    writeFileSync(path('a.key.pem'), keyPem);
    await site.clear();
    expect(await site.serial('a.example')).toBe(serial);
    chmodSync(path('live'), 0o700);
    await site.clear();
    expect(await site.serial('a.example')).toBe(serial);
    chmodSync(path('live'), 0o755);
    rmSync(path('live'), { recursive: true });
    expect(await site.serial('a.example')).toBe(serial);
    await site.clear();
    await expect(site.serial('a.example')).rejects.toThrow();
  });
});

test('without $cert_scan nothing is done', async () => {
  const idle = await startSite({ names: ['a.example'], admin: PERIODIC });
  expect(await idle.serial('a.example')).toBe(idle.serials['a.example']);
  expect(errorsOf(idle)).toEqual([]);
});

describe('certificates of two kinds for a name', () => {
  const old: Partial<ClientOptions> = { maxVersion: 'TLSv1.2', ciphers: 'aRSA' };

  test('with $cert_file_rsa each kind is found in its slot', async () => {
    const { site, write } = await startFolder({ rsaSlot: 'last' });
    const ec = await write('ec', ['a.example', 'ec.example'], { notAfter: daysFromNow(90) });
    const rsa = await write('rsa', ['a.example', 'rsa.example'], {
      keyType: 'rsa',
      notAfter: daysFromNow(30),
    });
    await site.clear();
    expect(await site.serial('a.example')).toBe(ec.serial);
    expect(await site.serial('a.example', old)).toBe(rsa.serial);
    expect(await site.serial('ec.example')).toBe(ec.serial);
    expect(await site.serial('rsa.example')).toBe(rsa.serial);
    const { body } = await site.nginx.admin('/certs/a.example');
    expect(JSON.parse(body)).toMatchObject({ serial: ec.serial, rsa: { serial: rsa.serial } });
  });

  test('without it the one that expires last is served', async () => {
    const { site, write } = await startFolder();
    const until = (days: number) => ({ notAfter: daysFromNow(days) });
    await write('ec', ['a.example'], until(30));
    const rsa = await write('rsa', ['a.example'], { keyType: 'rsa', ...until(90) });
    await site.clear();
    expect(await site.serial('a.example')).toBe(rsa.serial);
  });
});

test('a file whose name is locked by a worker that is held up is found all the same', async () => {
  const { site, write } = await startFolder(BACKDOOR);
  await backdoorOf(site).set('#lock:locked.example', `${Date.now()}:1`);
  const { serial } = await write('any', ['locked.example', 'other.example']);
  await site.clear();
  expect(await site.serial('other.example')).toBe(serial);
  expect(await site.serial('locked.example')).toBe(serial);
  expect(errorsOf(site)).toEqual([]);
});

test('with a store, names that it found are served by the next nginx before it scans', async () => {
  const options = { directory: makeWorkDirectory(), store: true };
  const { site, write } = await startFolder(options);
  const found = await write('found', ['a.example', '*.w.example']);
  await site.clear();
  expect(await site.serial('a.example')).toBe(found.serial);
  await site.nginx.stop();
  const { site: again } = await startFolder({ ...options, http: '' });
  expect(await again.serial('a.example')).toBe(found.serial);
  expect(await again.serial('b.w.example')).toBe(found.serial);
});
