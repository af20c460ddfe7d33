import fs, {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { fileKey, rsaKey } from '../../../src/config/slot.js';
import { type Store, versionPath } from '../../../src/disk/store.js';
import {
  ALL_NAMES,
  fingerprintIn,
  readVersion,
  retire,
  retireMark,
  sweep,
  writeVersion,
  type Sweeper,
} from '../../../src/disk/versions.js';
import { contentOf, failOf, isIn, makeStore, retiredIn, versionsOf } from '../../support/stores.js';

const NAME = 'a.example';
const FINGERPRINT = 'ab'.repeat(32);
const PEM = { key: 'key\n', chain: 'chain\n' };
/** A sweep that is not to end before it is through. */
const ALL = 1000;
// The start of a bucket.
const NOW = Date.UTC(2026, 0, 1);
const [SECOND, MINUTE, DAY] = [1000, 60_000, 86_400_000];

let folder: string;
let store: Store;
/** What is current, and whose marks were to be removed. */
let current: Set<string>;
let unmarked: string[];
let asked: [string, string][];

const sweeper: Sweeper = {
  isCurrent: (version, owner) => {
    asked.push([version, owner]);
    return current.has(version);
  },
  removeMark: (slot) => {
    unmarked.push(slot);
  },
};

beforeEach(() => {
  vi.useFakeTimers({ now: NOW, toFake: ['Date'] });
  folder = mkdtempSync(join(tmpdir(), 'njs-cert-rotation-versions-'));
  store = makeStore(folder);
  current = new Set();
  [unmarked, asked] = [[], []];
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

const write = (slot = NAME): string => writeVersion(store, FINGERPRINT, PEM, slot, false);

function sweepAfter(ms: number, most = ALL): boolean {
  vi.setSystemTime(Date.now() + ms);
  return sweep(store, sweeper, most).isMoreDue;
}

describe('a version', () => {
  test('is a file under the fingerprint of its leaf, with the key first', () => {
    const version = write();
    expect(fingerprintIn(version)).toBe(FINGERPRINT);
    expect(readVersion(store, version)).toBe('key\nchain\n');
    expect(contentOf(store)).toMatchObject({ [`versions/ab/${version}`]: 'key\nchain\n' });
    expect([
      existsSync(versionPath(store, version)),
      existsSync(versionPath(store, `${version}x`)),
    ]).toEqual([true, false]);
    expect(() => readVersion(store, `${version}x`)).toThrow(
      `${store.root}/versions/ab/${version}x`,
    );
  });

  test('has a name that the same pair never had', () => {
    const versions = Array.from({ length: 200 }, () => write());
    expect(new Set(versions).size).toBe(200);
    expect(versionsOf(store)).toHaveLength(200);
  });

  test('is noted before it is there: its worker may be killed in between', () => {
    failOf('renameSync', isIn(store, 'versions'));
    expect(() => write()).toThrow('ENOSPC');
    expect(Object.values(retiredIn(store))).toEqual([NAME]);
    sweepAfter(2 * MINUTE);
    expect(contentOf(store)).toEqual({});
  });

  test('is not written where that cannot be noted', () => {
    failOf('symlinkSync');
    expect(() => write()).toThrow('ENOSPC');
    expect(versionsOf(store)).toEqual([]);
  });

  test.each([
    [NAME, NAME],
    [rsaKey(NAME), NAME],
    [fileKey('site'), fileKey('site')],
    [ALL_NAMES, ALL_NAMES],
  ])('is noted for its owner: %s', (slot, owner) => {
    const version = write(slot);
    expect(retiredIn(store)).toEqual({ [version]: owner });
    expect(version.endsWith('+')).toBe(owner === ALL_NAMES);
  });

  test('that was put for all names stays theirs when one of them retires it', () => {
    const version = write(ALL_NAMES);
    sweepAfter(2 * MINUTE);
    retire(store, version, NAME);
    expect(retiredIn(store)).toEqual({ [version]: ALL_NAMES });
  });

  test('is noted once, however many retire it at the same time', () => {
    const version = write();
    for (let i = 0; i < 3; i++) retire(store, version, NAME);
    expect(retiredIn(store)).toEqual({ [version]: NAME });
  });
});

describe('a sweep', () => {
  test.each([0, 1, 5000, 9999])(
    'removes nothing before 60 s: retired %s ms into a step',
    (offset) => {
      vi.setSystemTime(NOW + offset);
      const version = write();
      sweepAfter(MINUTE);
      expect(versionsOf(store)).toEqual([version]);
      sweepAfter(10 * SECOND);
      expect(versionsOf(store)).toEqual([]);
      expect(contentOf(store)).toEqual({});
      expect(readdirSync(join(store.root, 'retired'))).toEqual([]);
    },
  );

  test('asks for the owner of each, and leaves what is current, which nobody looks at again', () => {
    const [kept, gone] = [write(), write(ALL_NAMES)];
    current.add(kept);
    sweepAfter(2 * MINUTE);
    expect(asked.sort()).toEqual(
      [
        [kept, NAME],
        [gone, ALL_NAMES],
      ].sort(),
    );
    expect(versionsOf(store)).toEqual([kept]);
    asked = [];
    sweepAfter(2 * MINUTE);
    expect(asked).toEqual([]);
    retire(store, kept, NAME);
    current.clear();
    sweepAfter(2 * MINUTE);
    expect(versionsOf(store)).toEqual([]);
  });

  test('has marks removed in time, by the key of their slot', () => {
    for (const slot of [NAME, rsaKey(NAME)]) retireMark(store, slot);
    sweepAfter(MINUTE);
    expect(unmarked).toEqual([]);
    sweepAfter(10 * SECOND);
    expect(unmarked.sort()).toEqual([rsaKey(NAME), NAME].sort());
    expect(contentOf(store)).toEqual({});
    expect(asked).toEqual([]);
  });

  test('looks at no more than it is told to, and says whether there may be more', () => {
    for (let i = 0; i < 5; i++) write();
    vi.setSystemTime(NOW + 2 * MINUTE);
    expect(sweepAfter(0, 2)).toBe(true);
    expect(versionsOf(store)).toHaveLength(3);
    expect(sweepAfter(0, 2)).toBe(true);
    expect(sweepAfter(0, 100)).toBe(false);
    expect(versionsOf(store)).toEqual([]);
  });

  test('is through at once in a store where nothing is due', () => {
    expect(sweepAfter(0, 1)).toBe(false);
    write();
    expect(sweepAfter(0, 1)).toBe(false);
  });

  test.each(['temporary', 'changing/names', 'changing/rsa', 'changing/files'])(
    'removes what killed workers left in %s, after a minute',
    (folder) => {
      const left = join(store.root, folder, 'left');
      mkdirSync(join(store.root, folder), { recursive: true });
      writeFileSync(left, 'key');
      vi.setSystemTime(fs.lstatSync(left).mtimeMs);
      sweepAfter(MINUTE - SECOND);
      expect(existsSync(left)).toBe(true);
      sweepAfter(2 * SECOND);
      expect(existsSync(left)).toBe(false);
    },
  );

  test('removes them also where they are of the future', () => {
    mkdirSync(join(store.root, 'temporary'));
    const left = join(store.root, 'temporary', 'left');
    fs.symlinkSync('text', left);
    vi.setSystemTime(fs.lstatSync(left).mtimeMs - DAY);
    sweepAfter(0);
    expect(existsSync(left) || contentOf(store)['temporary/left']).toBeFalsy();
  });
});

describe('a sweep comes to what is due though', () => {
  /** Sweeps as often as it takes by all odds: each begins at another place. */
  function sweepOften(): void {
    for (let i = 0; i < 100; i++) sweep(store, sweeper, 4);
  }

  const inStore = (...names: string[]): string => join(store.root, ...names);

  test('there are many young temporary files, and what was left is among them', () => {
    const version = write();
    vi.setSystemTime(NOW + 2 * MINUTE);
    for (let i = 0; i < 30; i++) writeFileSync(inStore('temporary', `new${i}`), '');
    writeFileSync(inStore('temporary', 'old'), '');
    const readdir = fs.readdirSync;
    // Listed in order, what was left would never be among the first.
    vi.spyOn(fs, 'readdirSync').mockImplementation(((path: string) =>
      readdir(path).sort()) as typeof readdir);
    const lstat = fs.lstatSync;
    vi.spyOn(fs, 'lstatSync').mockImplementation(((path: string) => {
      const age = path.endsWith('old') ? 2 * MINUTE : 0;
      return Object.assign(lstat(path), { mtimeMs: Date.now() - age });
    }) as typeof lstat);
    sweepOften();
    expect(versionsOf(store)).not.toContain(version);
    expect(readdirSync(inStore('temporary'))).toHaveLength(30);
    expect(existsSync(inStore('temporary', 'old'))).toBe(false);
  });

  test('there are folders in temporary/ that are not its own, which it reports', () => {
    const version = write();
    for (let i = 0; i < 30; i++) mkdirSync(inStore('temporary', `folder${i}`));
    writeFileSync(inStore('temporary', 'left'), '');
    vi.setSystemTime(fs.lstatSync(inStore('temporary', 'left')).mtimeMs + 2 * MINUTE);
    const { isMoreDue, fault } = sweep(store, sweeper, 1000);
    expect(isMoreDue).toBe(false);
    expect(fault).toContain(inStore('temporary', 'folder'));
    expect(existsSync(inStore('temporary', 'left'))).toBe(false);
    expect(versionsOf(store)).not.toContain(version);
  });

  test('there is something in retired/ that is not its own, and that stays', () => {
    const version = write();
    for (let i = 0; i < 30; i++)
      mkdirSync(inStore('retired', `folder${i}`, 'in'), { recursive: true });
    writeFileSync(inStore('retired', 'folder0', 'file'), 'x');
    writeFileSync(inStore('retired', 'file'), 'x');
    const foreign = readdirSync(inStore('retired'), { recursive: true, encoding: 'utf8' });
    const own = foreign.filter((path) => /^\d/.test(path));
    vi.setSystemTime(NOW + 2 * MINUTE);
    sweepOften();
    expect(versionsOf(store)).not.toContain(version);
    const left = readdirSync(inStore('retired'), { recursive: true, encoding: 'utf8' });
    expect(left.sort()).toEqual(foreign.filter((path) => !own.includes(path)).sort());
  });

  test('a step of ten seconds has something in it that is not its own', () => {
    const versions = [write(), write()];
    const [step] = readdirSync(inStore('retired'));
    for (let i = 0; i < 30; i++) mkdirSync(inStore('retired', step!, `folder${i}`));
    writeFileSync(inStore('retired', step!, 'file'), 'x');
    vi.setSystemTime(NOW + 2 * MINUTE);
    sweepOften();
    expect(versions.filter((version) => versionsOf(store).includes(version))).toEqual([]);
    expect(readdirSync(inStore('retired', step!))).toHaveLength(31);
  });

  test('a version cannot be removed', () => {
    const versions = [write(), write(), write()].sort();
    const isFirst = (path: string): boolean => path.endsWith(`versions/ab/${versions[0]!}`);
    failOf('unlinkSync', isFirst, 'EROFS');
    vi.setSystemTime(NOW + 2 * MINUTE);
    const { fault } = sweep(store, sweeper, ALL);
    expect(fault).toContain('EROFS');
    expect(versionsOf(store)).toEqual([versions[0]]);
    expect(Object.keys(retiredIn(store))).toEqual([versions[0]]);
  });
});

test('a version that is replaced while a sweep looks at the note of its making stays', () => {
  const version = write();
  const replacing: Sweeper = {
    ...sweeper,
    isCurrent: () => {
      retire(store, version, NAME);
      return false;
    },
  };
  vi.setSystemTime(NOW + 2 * MINUTE);
  sweep(store, replacing, ALL);
  expect(versionsOf(store)).toEqual([version]);
  sweepAfter(2 * MINUTE);
  expect(versionsOf(store)).toEqual([]);
});

describe('a clock', () => {
  test('that was set back keeps what was retired for another minute', () => {
    const version = write();
    sweepAfter(-DAY);
    expect(versionsOf(store)).toEqual([version]);
    sweepAfter(MINUTE - SECOND);
    expect(versionsOf(store)).toEqual([version]);
    sweepAfter(20 * SECOND);
    expect(versionsOf(store)).toEqual([]);
    expect(contentOf(store)).toEqual({});
  });

  test('that was set back has two steps of the future kept apart', () => {
    const versions = [write()];
    vi.setSystemTime(NOW + 20 * SECOND);
    versions.push(write());
    sweepAfter(-DAY);
    expect(versionsOf(store)).toEqual(versions.sort());
    expect(Object.keys(retiredIn(store)).sort()).toEqual(versions);
    sweepAfter(2 * MINUTE);
    expect(versionsOf(store)).toEqual([]);
  });

  test('of another nginx that is a few seconds ahead changes nothing', () => {
    const version = write();
    const before = contentOf(store);
    sweepAfter(-5 * SECOND);
    expect(contentOf(store)).toEqual(before);
    sweepAfter(5 * SECOND + MINUTE + 10 * SECOND);
    expect(versionsOf(store)).not.toContain(version);
  });

  test.each([
    ['1970', 0],
    ['2060', Date.UTC(2060, 0, 1)],
    ['2290', Date.UTC(2290, 0, 1)],
  ])('in %s is as good', (_, now) => {
    vi.setSystemTime(now);
    const version = write();
    sweepAfter(MINUTE);
    expect(versionsOf(store)).toEqual([version]);
    sweepAfter(10 * SECOND);
    expect(contentOf(store)).toEqual({});
  });
});

describe('another nginx that sweeps at the same time', () => {
  test('leaves nothing to do, and that is no fault', () => {
    const versions = [write(), write(), write()].sort();
    retireMark(store, NAME);
    current.add(versions[0]!);
    let isNested = false;
    const meanwhile: Sweeper = {
      ...sweeper,
      isCurrent: (version, owner) => {
        if (!isNested) {
          isNested = true;
          sweep(store, sweeper, ALL);
        }
        return sweeper.isCurrent(version, owner);
      },
    };
    vi.setSystemTime(NOW + 2 * MINUTE);
    expect(sweep(store, meanwhile, ALL)).toEqual({ isMoreDue: false, fault: '' });
    expect(versionsOf(store)).toEqual([versions[0]]);
    expect(retiredIn(store)).toEqual({});
  });

  test('may have removed a step of ten seconds while a version is noted in it', () => {
    write();
    const link = fs.symlinkSync;
    vi.spyOn(fs, 'symlinkSync').mockImplementationOnce((target, path) => {
      rmSync(join(store.root, 'retired'), { recursive: true });
      link(target, path);
    });
    const version = write();
    expect(retiredIn(store)).toEqual({ [version]: NAME });
  });
});
