import fs, { lstatSync, mkdtempSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  placeFile,
  placeLink,
  removeLink,
  replaceLink,
  type ClaimedLink,
} from '../../../src/disk/place.js';
import type { Store } from '../../../src/disk/store.js';
import { contentOf, failOf, isIn, makeStore } from '../../support/stores.js';

let folder: string;
let store: Store;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'njs-cert-rotation-place-'));
  store = makeStore(folder);
  path = `${store.root}/versions/0a/x`;
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

const modeOf = (of: string): string => (lstatSync(of).mode & 0o777).toString(8);

describe('a file that is placed', () => {
  test.each([true, false])('is whole, and for its owner alone; on the disk: %s', (isDurable) => {
    const append = vi.spyOn(fs, 'appendFileSync');
    placeFile(store, path, 'text', isDurable);
    expect(contentOf(store)).toEqual({ 'versions/0a/x': 'text' });
    expect(modeOf(path)).toBe('600');
    for (const one of ['versions', 'versions/0a', 'temporary']) {
      expect(modeOf(`${store.root}/${one}`), one).toBe('700');
    }
    expect(append.mock.calls.map(([, , options]) => options)).toEqual(
      isDurable ? [{ flag: 'as' }] : [],
    );
  });

  test('has its name when it is whole, and not before', () => {
    const rename = fs.renameSync;
    vi.spyOn(fs, 'renameSync').mockImplementation((from, to) => {
      expect(lstatSync(from).size).toBe(4);
      expect(isIn(store, 'temporary')(String(from))).toBe(true);
      rename(from, to);
    });
    const write = vi.spyOn(fs, 'writeFileSync');
    placeFile(store, path, 'text', true);
    expect(write.mock.calls.map(([at]) => at)).not.toContain(path);
    expect(fs.renameSync).toHaveBeenCalled();
  });

  test('makes no folder that is there', () => {
    placeFile(store, path, 'text', true);
    const make = vi.spyOn(fs, 'mkdirSync');
    placeFile(store, `${path}2`, 'text', true);
    expect(make).not.toHaveBeenCalled();
  });

  test('does not follow a link in the place of its temporary name', () => {
    vi.stubGlobal('crypto', { getRandomValues: (bytes: Buffer) => bytes });
    fs.mkdirSync(`${store.root}/temporary`);
    fs.symlinkSync(`${folder}/elsewhere`, `${store.root}/temporary/AAAAAAAAAAAA`);
    expect(() => {
      placeFile(store, path, 'text', true);
    }).toThrow('EEXIST');
    vi.unstubAllGlobals();
    expect(fs.existsSync(`${folder}/elsewhere`)).toBe(false);
  });

  test.each([
    ['written', 'writeFileSync'],
    ['renamed', 'renameSync'],
  ] as const)('leaves nothing where it cannot be %s, and says where', (_, call) => {
    failOf(call);
    expect(() => {
      placeFile(store, path, 'text', true);
    }).toThrow(new RegExp(`^${store.root}/.*: ENOSPC`));
    expect(contentOf(store)).toEqual({});
    // No folder helps there.
    if (call === 'writeFileSync') expect(fs.readdirSync(store.root)).toEqual([]);
  });

  test('leaves nothing where its content is cut off', () => {
    vi.spyOn(fs, 'appendFileSync').mockImplementation(() => {
      throw new Error('cut off');
    });
    expect(() => {
      placeFile(store, path, 'text', true);
    }).toThrow('cut off');
    expect(contentOf(store)).toEqual({});
  });

  test('is refused where its folder cannot be made', () => {
    failOf('mkdirSync', undefined, 'EROFS');
    expect(() => {
      placeFile(store, path, 'text', true);
    }).toThrow('EROFS');
    expect(contentOf(store)).toEqual({});
  });

  test('throws its own fault where its temporary file cannot be removed', () => {
    failOf('renameSync');
    failOf('unlinkSync', undefined, 'EIO');
    expect(() => {
      placeFile(store, path, 'text', true);
    }).toThrow('ENOSPC');
  });
});

describe('a link that is placed', () => {
  const link = (): string => `${store.root}/names/0a/a.example`;

  test('takes the place of the one before it', () => {
    placeLink(store, link(), 'first');
    placeLink(store, link(), 'second');
    expect(contentOf(store)).toEqual({ 'names/0a/a.example': 'second' });
  });

  test('is there at every instant, the old one or the new one', () => {
    placeLink(store, link(), 'first');
    const seen: string[] = [];
    for (const call of ['symlinkSync', 'renameSync', 'unlinkSync'] as const) {
      const real = fs[call] as (...args: unknown[]) => unknown;
      vi.spyOn(fs, call).mockImplementation((...args: unknown[]) => {
        seen.push(readlinkSync(link()));
        const result = real(...args);
        seen.push(readlinkSync(link()));
        return result;
      });
    }
    placeLink(store, link(), 'second');
    expect(seen).toEqual(['first', 'first', 'first', 'second']);
  });

  test('leaves the one that was there where it cannot be placed', () => {
    placeLink(store, link(), 'first');
    for (const call of ['renameSync', 'symlinkSync'] as const) {
      failOf(call);
      expect(() => {
        placeLink(store, link(), 'second');
      }).toThrow(new RegExp(`^${store.root}/.*: ENOSPC`));
      expect(contentOf(store)).toEqual({ 'names/0a/a.example': 'first' });
      vi.restoreAllMocks();
    }
  });
});

describe('a link that several replace', () => {
  const HELD = 'names/0a/a.example';
  const link = (): ClaimedLink => ({
    path: `${store.root}/${HELD}`,
    claim: `${store.root}/changing/names/a.example`,
  });
  const always = (): boolean => true;

  beforeEach(() => {
    replaceLink(store, link(), 'first', always);
  });

  test('is replaced, or removed, where it meets the condition', () => {
    const isFirst = vi.fn((target: string | undefined) => target === 'first');
    expect(replaceLink(store, link(), 'second', isFirst)).toBe(true);
    expect(replaceLink(store, link(), 'third', isFirst)).toBe(false);
    expect(removeLink(store, link(), isFirst)).toBe(false);
    expect(contentOf(store)).toEqual({ [HELD]: 'second' });
    expect(removeLink(store, link(), (target) => target === 'second')).toBe(true);
    expect(contentOf(store)).toEqual({});
    expect(replaceLink(store, link(), 'fourth', isFirst)).toBe(false);
    expect(isFirst.mock.calls).toEqual([['first'], ['second'], ['second'], [undefined]]);
  });

  test('is replaced by one at a time: the next one waits', () => {
    fs.symlinkSync('second', link().claim);
    const make = fs.symlinkSync;
    let tries = 0;
    vi.spyOn(fs, 'symlinkSync').mockImplementation((...args) => {
      if (++tries === 20) fs.renameSync(link().claim, link().path);
      make(...args);
    });
    const seen = vi.fn(always);
    replaceLink(store, link(), 'third', seen);
    expect(seen.mock.calls).toEqual([['second']]);
    expect(contentOf(store)).toEqual({ [HELD]: 'third' });
  });

  test.each(['replaced', 'removed'] as const)(
    'is %s in the end where whoever claimed it was killed',
    (what) => {
      fs.symlinkSync('second', link().claim);
      const began = Date.now();
      if (what === 'replaced') replaceLink(store, link(), 'third', always);
      else removeLink(store, link(), always);
      expect(Date.now() - began).toBeLessThan(500);
      expect(contentOf(store)).toEqual(what === 'replaced' ? { [HELD]: 'third' } : {});
    },
  );

  test('is looked at again by a worker whose claim was broken', () => {
    const seen: (string | undefined)[] = [];
    const isReplaced = replaceLink(store, link(), 'third', (target) => {
      seen.push(target);
      if (target !== 'first') return false;
      fs.unlinkSync(link().claim);
      replaceLink(store, link(), 'second', always);
      return true;
    });
    expect([isReplaced, ...seen]).toEqual([false, 'first', 'second']);
    expect(contentOf(store)).toEqual({ [HELD]: 'second' });
  });

  test('stays where it cannot be replaced, and is removed where there is no room for a claim', () => {
    for (const call of ['renameSync', 'symlinkSync'] as const) {
      failOf(call);
      expect(() => replaceLink(store, link(), 'second', always)).toThrow('ENOSPC');
      expect(contentOf(store)).toEqual({ [HELD]: 'first' });
      vi.restoreAllMocks();
    }
    failOf('symlinkSync');
    expect(removeLink(store, link(), always)).toBe(true);
    expect(contentOf(store)).toEqual({});
  });

  test('is an error where the store has gone', () => {
    rmSync(folder, { recursive: true });
    expect(() => replaceLink(store, link(), 'second', always)).toThrow('ENOENT');
    fs.mkdirSync(folder);
  });
});
