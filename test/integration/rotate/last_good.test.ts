import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import {
  replaceFile,
  writePair,
  type IssueOptions,
  type Pair,
} from '../../support/certificates.js';
import { CannotWatch, watchFiles } from '../../support/file_watch.js';
import { errorsOf, expectNoKey } from '../../support/log.js';
import { startSite, type Site } from '../../support/site.js';

/** How long a change on disk may take to be noticed, in milliseconds: an interval, and a busy machine's delays. */
const PATIENCE_MS = 15_000;
const HOUR_MS = 3600_000;
const EXPIRED = {
  notBefore: new Date(Date.now() - 2 * HOUR_MS),
  notAfter: new Date(Date.now() - HOUR_MS),
};

/** A name's files on disk, and where more pairs come from. */
interface Target {
  cert: string;
  key: string;
  issue: (options?: Partial<IssueOptions>) => Promise<Pair>;
  write: (pair: Pair) => Promise<void>;
}

interface Way {
  way: string;
  /** The code in the log. */
  code: string;
  breakIt: (target: Target) => unknown;
}

const WAYS: Way[] = [
  {
    way: 'only the certificate is replaced',
    code: 'key-mismatch',
    breakIt: async ({ cert, issue }) => replaceFile(cert, (await issue()).chainPem),
  },
  {
    way: 'only the key is replaced',
    code: 'key-mismatch',
    breakIt: async ({ key, issue }) => replaceFile(key, (await issue()).keyPem),
  },
  {
    way: 'an empty file',
    code: 'malformed',
    breakIt: ({ cert }) => replaceFile(cert, ''),
  },
  {
    way: 'half a file',
    code: 'malformed',
    breakIt: async ({ cert, issue }) => replaceFile(cert, (await issue()).chainPem.slice(0, 300)),
  },
  {
    way: 'an unreadable file',
    code: 'unreadable',
    breakIt: ({ key }) => {
      chmodSync(key, 0o000);
    },
  },
  {
    way: 'a directory in its place',
    code: 'unreadable',
    breakIt: ({ cert }) => {
      rmSync(cert);
      mkdirSync(cert);
    },
  },
  {
    way: 'a dangling link',
    code: 'unreadable',
    breakIt: ({ key }) => {
      rmSync(key);
      symlinkSync('nowhere', key);
    },
  },
  {
    way: 'an expired certificate',
    code: 'expired',
    breakIt: async ({ issue, write }) => write(await issue(EXPIRED)),
  },
  {
    way: 'a certificate for other names',
    code: 'name-not-covered',
    breakIt: async ({ issue, write }) => write(await issue({ names: ['other.example'] })),
  },
];

/** Only without a clear: that drops a name whose files are gone. */
const BOTH_REMOVED: Way = {
  way: 'both files removed',
  code: 'unreadable',
  breakIt: ({ cert, key }) => {
    rmSync(cert);
    rmSync(key);
  },
};

function titled<T extends Way>(ways: T[]): [string, string, T][] {
  return ways.map((way) => [way.way, way.code, way]);
}

/** Breaks a name's files and makes them whole again. Keeps the pairs it issued in `pairs`. */
function targetOf(
  site: Site,
  name: string,
  pairs: Pair[],
): Target & { repair: () => Promise<Pair> } {
  const certs = site.nginx.certsDirectory;
  const cert = join(certs, `${name}.cert.pem`);
  const key = join(certs, `${name}.key.pem`);
  async function issue(options: Partial<IssueOptions> = {}): Promise<Pair> {
    const pair = await site.authority.issue({ names: [name], ...options });
    pairs.push(pair);
    return pair;
  }
  const write = (pair: Pair): Promise<void> => writePair(certs, name, pair);
  async function repair(): Promise<Pair> {
    // What no rename replaces.
    for (const path of [cert, key]) rmSync(path, { recursive: true, force: true });
    const pair = await issue();
    await write(pair);
    return pair;
  }
  return { cert, key, issue, write, repair };
}

/** The one line that says why, naming the file. */
function expectOneReason(site: Site, from: number, name: string, code: string): void {
  const errors = errorsOf(site, from).filter((line) => line.includes(name));
  expect(errors).toHaveLength(1);
  expect(errors[0]).toContain(`cert_rotation: ${name}: ${code}: `);
  expect(errors[0]).toContain(`/etc/nginx/certs/${name}.`);
  expect(errors[0]).toContain('the pair held before is still served');
}

describe('a renewal that goes wrong, and is cleared', async () => {
  const name = 'a.example';
  const site = await startSite({ names: [name], settings: { check_interval: '600' } });
  const pairs: Pair[] = [];
  const target = targetOf(site, name, pairs);

  test.each(titled(WAYS))(
    '%s: the pair held is served, and one line says %s',
    async (_, code, way) => {
      const good = await target.repair();
      await site.clear();
      expect(await site.serial(name)).toBe(good.serial);
      const logged = site.nginx.log().length;

      await way.breakIt(target);
      for (let round = 0; round < 8; round++) {
        // The files are looked at again, and nothing has changed.
        if (round % 4 === 0) await site.clear();
        expect(await site.serial(name)).toBe(good.serial);
      }
      expectOneReason(site, logged, name, code);

      const next = await target.repair();
      await site.clear(name);
      expect(await site.serial(name)).toBe(next.serial);
      expectNoKey(site, pairs);
    },
  );

  test('broken files cost no look at the disk, however many handshakes', async ({ skip }) => {
    const watch = await watchFiles(site.nginx).catch((error: unknown) => {
      if (error instanceof CannotWatch) return skip(error.message);
      throw error;
    });
    for (const { way, breakIt } of WAYS) {
      const { serial } = await target.repair();
      await site.clear();
      expect(await site.serial(name)).toBe(serial);
      await breakIt(target);
      await site.clear();
      const before = watch.paths().length;
      expect(await site.serial(name)).toBe(serial);
      const looked = watch.paths().length;
      expect(looked, way).toBeGreaterThan(before);
      for (let round = 0; round < 4; round++) {
        const served = await Promise.all(Array.from({ length: 8 }, () => site.serial(name)));
        expect(new Set(served)).toEqual(new Set([serial]));
      }
      expect(watch.paths().slice(looked), way).toEqual([]);
    }
    await watch.stop();
  });
});

describe('a renewal that goes wrong, and is not cleared', async () => {
  const ways = [...WAYS, BOTH_REMOVED].map((way, i) => ({ ...way, name: `n${i}.example` }));
  const site = await startSite({ settings: { check_interval: '1' } });

  // Each on a name of its own, and all at once: most of it is waiting.
  test.concurrent.each(titled(ways))(
    '%s: the pair held is served, one line says %s, and whole files are found',
    async (_, code, { name, breakIt }) => {
      const pairs: Pair[] = [];
      const target = targetOf(site, name, pairs);
      const good = await target.repair();
      expect(await site.serial(name)).toBe(good.serial);

      await breakIt(target);
      const isNoted = (): boolean => errorsOf(site).some((line) => line.includes(name));
      const end = Date.now() + PATIENCE_MS;
      while (!isNoted() && Date.now() < end) {
        expect(await site.serial(name)).toBe(good.serial);
        await sleep(50);
      }
      // The files are looked at again, and nothing has changed.
      for (let look = 0; look < 2; look++) {
        await sleep(1100);
        expect(await site.serial(name)).toBe(good.serial);
      }
      expectOneReason(site, 0, name, code);

      const next = await target.repair();
      await expect.poll(() => site.serial(name), { timeout: PATIENCE_MS }).toBe(next.serial);
      expectNoKey(site, pairs);
    },
  );
});

describe('a name whose first files are bad', async () => {
  const site = await startSite({
    // Until a clear, for a pair that is held.
    settings: { fallback: 'fallback.example', check_interval: '0' },
    names: ['fallback.example'],
  });
  const certs = site.nginx.certsDirectory;

  test('is served the fallback, with one line in the log, and its own pair once that is good', async () => {
    const name = 'new.example';
    const one = await site.authority.issue({ names: [name] });
    const two = await site.authority.issue({ names: [name] });
    writeFileSync(join(certs, `${name}.cert.pem`), one.chainPem);
    writeFileSync(join(certs, `${name}.key.pem`), two.keyPem);
    for (let round = 0; round < 8; round++) {
      expect(await site.serial(name)).toBe(site.serials['fallback.example']);
    }
    const lines = site.nginx.log().split('\n');
    expect(lines.filter((line) => line.includes('key-mismatch'))).toHaveLength(1);
    await writePair(certs, name, two);
    await site.clear();
    expect(await site.serial(name)).toBe(two.serial);
    expectNoKey(site, [one, two]);
  });

  test('gets its own pair without a clear, too, about a second after its files are whole', async () => {
    const name = 'half.example';
    const pair = await site.authority.issue({ names: [name] });
    writeFileSync(join(certs, `${name}.cert.pem`), pair.chainPem);
    expect(await site.serial(name)).toBe(site.serials['fallback.example']);
    await writePair(certs, name, pair);
    const end = Date.now() + PATIENCE_MS;
    while ((await site.serial(name)) !== pair.serial && Date.now() < end) await sleep(50);
    expect(await site.serial(name)).toBe(pair.serial);
  });

  test('an expired pair is served where no valid one is held, and the log says so', async () => {
    const name = 'late.example';
    const late = await site.authority.issue({ names: [name], ...EXPIRED });
    await writePair(certs, name, late);
    expect(await site.serial(name)).toBe(late.serial);
    expect(site.nginx.log()).toMatch(/\[error\].*late\.example: loaded from .*, EXPIRED /);
  });
});
