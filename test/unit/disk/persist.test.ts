import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { recover, stagedOr, swapIn, takeOut } from '../../../src/disk/persist.js';
import { createAuthority, type Pair } from '../../support/certificates.js';
import { type Files } from '../../../src/config/paths.js';

const STAGED = '.put-staged';
/** Everything that changes a file system. */
const CALLS = ['writeFileSync', 'renameSync', 'unlinkSync', 'mkdirSync'] as const;

let directory: string;
let old: Pair;
let next: Pair;

const pem = ({ chainPem, keyPem }: Pair): { chain: string; key: string } => ({
  chain: chainPem,
  key: keyPem,
});

beforeAll(async () => {
  const authority = await createAuthority();
  old = await authority.issue({ names: ['a.example'] });
  next = await authority.issue({ names: ['a.example'] });
});

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(tmpdir(), 'njs-cert-rotation-persist-'));
});

afterEach(() => {
  vi.restoreAllMocks();
  fs.rmSync(directory, { recursive: true, force: true });
});

/** All files and folders, by path, with their modes and texts. */
function listing(): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of fs.readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    const file = path.join(directory, name);
    const { mode } = fs.lstatSync(file);
    const text = fs.lstatSync(file).isFile() ? fs.readFileSync(file, 'utf8') : '';
    found[name] = `${(mode & 0o777).toString(8)} ${text}`;
  }
  return found;
}

/**
 * Lets the file system fail from the nth change on, or at that one alone.
 *
 * @returns how many changes were asked for
 */
function failAt(nth: number, isLasting: boolean): () => number {
  let count = 0;
  for (const call of CALLS) {
    const real = fs[call] as (...args: unknown[]) => unknown;
    vi.spyOn(fs, call).mockImplementation((...args: unknown[]) => {
      count++;
      if (isLasting ? count >= nth : count === nth) throw new Error(`EIO: ${call}`);
      return real(...args);
    });
  }
  return () => count;
}

/** The pair that is read for a name; undefined: its files do not belong together. */
function pairIn(files: Files): Pair | undefined {
  const { cert, key } = stagedOr(files);
  const text = cert === key ? fs.readFileSync(cert, 'utf8') : '';
  return [old, next].find(({ chainPem, keyPem }) =>
    cert === key
      ? text === chainPem + keyPem
      : fs.readFileSync(cert, 'utf8') === chainPem && fs.readFileSync(key, 'utf8') === keyPem,
  );
}

describe.each([
  { layout: 'two files', of: (): [string, string] => ['a.cert.pem', 'a.key.pem'] },
  { layout: 'two folders', of: (): [string, string] => ['certs/a/chain.pem', 'keys/a.pem'] },
  { layout: 'one file', of: (): [string, string] => ['a.pem', 'a.pem'] },
])('$layout', ({ of }) => {
  let files: Files;
  const put = (pair: Pair): void => {
    swapIn(files, pem(pair)).commit();
  };
  /** Each change that some work makes, from the first on. */
  const changesOf = (work: () => void): number[] => {
    const count = failAt(0, false);
    work();
    vi.restoreAllMocks();
    return Array.from({ length: count() }, (_, i) => i + 1);
  };
  const clean = (): void => {
    fs.rmSync(directory, { recursive: true });
    fs.mkdirSync(directory);
  };

  beforeEach(() => {
    const [cert, key] = of();
    files = { cert: path.join(directory, cert), key: path.join(directory, key) };
  });

  test('a pair that was put in is there for its owner alone, and nothing else is', () => {
    put(old);
    put(next);
    expect(pairIn(files)).toBe(next);
    const found = Object.entries(listing()).filter(([, text]) => text.includes('---'));
    expect(found).toHaveLength(files.cert === files.key ? 1 : 2);
    for (const [, text] of found) expect(text).toMatch(/^600 /);
  });

  test.each(['nothing', 'a pair'])('what is undone over %s leaves what was there', (before) => {
    if (before === 'a pair') put(old);
    const expected = listing();
    const { undo } = swapIn(files, pem(next));
    expect(pairIn(files)).toBe(next);
    undo();
    expect(listing()).toEqual(expected);
  });

  test.each(['nothing', 'a pair'])('what fails over %s leaves what was there', (before) => {
    const prepare = (): void => {
      clean();
      if (before === 'a pair') put(old);
    };
    prepare();
    const changes = changesOf(() => swapIn(files, pem(next)));
    expect(changes.length).toBeGreaterThan(3);
    for (const nth of changes) {
      prepare();
      const expected = listing();
      failAt(nth, false);
      expect(() => swapIn(files, pem(next))).toThrow(
        expect.objectContaining({ code: 'persist-failed' }),
      );
      vi.restoreAllMocks();
      expect(listing(), `change ${nth}`).toEqual(expected);
    }
  });

  test('where nothing can be put back either, a whole pair is read, and recovered', () => {
    put(old);
    for (const nth of changesOf(() => swapIn(files, pem(next)))) {
      clean();
      put(old);
      failAt(nth, true);
      expect(() => swapIn(files, pem(next))).toThrow();
      vi.restoreAllMocks();
      const pair = pairIn(files);
      expect(pair, `change ${nth}`).toBeDefined();
      recover(files);
      expect(pairIn(files)).toBe(pair);
      expect(Object.keys(listing()).filter((name) => name.includes('.put-'))).toEqual([]);
    }
  });

  test('a commit that fails at any change is finished by the next recovery', () => {
    put(old);
    for (const nth of changesOf(() => {
      swapIn(files, pem(next)).commit();
    })) {
      clean();
      put(old);
      const count = failAt(0, false);
      const { commit } = swapIn(files, pem(next));
      const done = count();
      vi.restoreAllMocks();
      if (nth <= done) continue;
      failAt(nth - done, true);
      commit();
      vi.restoreAllMocks();
      expect(pairIn(files)).toBe(next);
      recover(files);
      expect(Object.keys(listing()).filter((name) => name.includes('.put-'))).toEqual([]);
      expect(pairIn(files)).toBe(next);
    }
  });

  test('a staged pair is put in place by whatever comes next, or that is refused', () => {
    const stage = (): void => {
      clean();
      put(old);
      fs.writeFileSync(files.key + STAGED, next.pairPem);
    };
    stage();
    recover(files);
    expect(pairIn(files)).toBe(next);
    expect(fs.existsSync(files.key + STAGED)).toBe(false);

    // It is the pair that is undone to.
    stage();
    swapIn(files, pem(old)).undo();
    expect(pairIn(files)).toBe(next);

    stage();
    failAt(1, true);
    expect(() => swapIn(files, pem(old))).toThrow(/left by an earlier put/);
    expect(() => {
      takeOut(files);
    }).toThrow(/left by an earlier put/);
    vi.restoreAllMocks();
    expect(pairIn(files)).toBe(next);
  });

  test('a staged pair that the disk lost gives way to what was set aside', () => {
    put(old);
    const expected = listing();
    for (const file of new Set([files.cert, files.key])) {
      fs.renameSync(file, `${file}.put-old`);
      fs.writeFileSync(file, '');
    }
    fs.writeFileSync(files.key + STAGED, next.pairPem.slice(0, 100));
    recover(files);
    expect(listing()).toEqual(expected);
  });

  test('what other programs keep beside the files stays', () => {
    put(old);
    const others = ['old', 'new', 'staged', 'bak'].map((suffix) => `${files.key}.${suffix}`);
    for (const other of others) fs.writeFileSync(other, 'theirs');
    put(next);
    recover(files);
    takeOut(files).commit();
    for (const other of others) expect(fs.readFileSync(other, 'utf8')).toBe('theirs');
  });

  test('a pair that was taken out is there again when that is undone', () => {
    put(old);
    const expected = listing();
    takeOut(files).undo();
    expect(listing()).toEqual(expected);
  });

  test('a pair that was taken out is gone, and one that cannot be is there', () => {
    put(old);
    const changes = changesOf(() => {
      takeOut(files).commit();
    });
    expect(Object.values(listing()).join('')).not.toContain('---');
    // The second half only tidies up.
    for (const nth of changes.slice(0, changes.length / 2)) {
      clean();
      put(old);
      const expected = listing();
      failAt(nth, false);
      expect(() => {
        takeOut(files);
      }).toThrow(expect.objectContaining({ code: 'persist-failed' }));
      vi.restoreAllMocks();
      expect(listing(), `change ${nth}`).toEqual(expected);
    }
  });
});
