import fs, { lstatSync, mkdtempSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { placeFile, placeLink } from '../../../src/disk/place.js';
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
