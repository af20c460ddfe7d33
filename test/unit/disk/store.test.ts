import fs, {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { fileKey, rsaKey } from '../../../src/config/slot.js';
import { entryPath, openStore, uniqueId, versionPath } from '../../../src/disk/store.js';

const OWN = 'cert-rotation.v1';
const STORE = { root: '/store', id: '' };

let folder: string;
let root: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'njs-cert-rotation-store-'));
  root = join(folder, OWN);
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

describe('a store', () => {
  test('is a folder in that of $cert_store, for its owner alone, which is made once', () => {
    const store = openStore(folder);
    const { dev, ino, mode } = lstatSync(root);
    expect(store).toEqual({ root, id: `${dev}:${ino}` });
    expect((mode & 0o777).toString(8)).toBe('700');
    const make = vi.spyOn(fs, 'mkdirSync');
    expect(openStore(`${folder}//`)).toEqual(store);
    expect(make).not.toHaveBeenCalled();
  });

  test('is another one where another folder has come in its place', () => {
    const { id } = openStore(folder);
    fs.renameSync(root, `${root}.away`);
    expect(openStore(folder).id).not.toBe(id);
  });

  test('may be made by another worker at the same time', () => {
    const make = fs.mkdirSync;
    vi.spyOn(fs, 'mkdirSync').mockImplementation((path, options) => {
      make(path, options);
      return make(path, options);
    });
    expect(openStore(folder).root).toBe(root);
  });

  test.each([0o750, 0o701, 0o777, 0o704, 0o720])('is none where others have rights: %o', (mode) => {
    mkdirSync(root);
    chmodSync(root, mode);
    expect(() => openStore(folder)).toThrow(`${root}: its mode has to be 0700`);
  });

  test('is none where it belongs to another user', () => {
    const { uid } = lstatSync(folder);
    const stat = fs.statSync;
    vi.spyOn(fs, 'statSync').mockImplementation((path) =>
      Object.assign(stat(path), path === '/proc/self' && { uid: uid + 1 }),
    );
    expect(() => openStore(folder)).toThrow(
      `${root}: it belongs to user ${uid}, and the workers run as user ${uid + 1}`,
    );
  });

  test('is one where the system does not tell who the workers are', () => {
    vi.spyOn(fs, 'statSync').mockImplementation(() => {
      throw new Error('no /proc');
    });
    expect(openStore(folder).root).toBe(root);
  });

  test.each([
    [
      'a link to a folder',
      () => {
        symlinkSync(folder, root);
      },
    ],
    [
      'a link that leads nowhere',
      () => {
        symlinkSync('nowhere', root);
      },
    ],
    [
      'a file',
      () => {
        writeFileSync(root, '');
      },
    ],
  ])('is no %s', (_, make) => {
    make();
    expect(() => openStore(folder)).toThrow(`${root}: this has to be a folder`);
    expect(readdirSync(folder)).toEqual([OWN]);
  });

  test.each(['certs', './certs', 'data:', '$cert_store'])('is no relative path: %s', (path) => {
    expect(() => openStore(path)).toThrow(`$cert_store "${path}" has to be an absolute path`);
  });

  test('does not make the folder of $cert_store itself', () => {
    const missing = join(folder, 'none');
    expect(() => openStore(missing)).toThrow(/none\/.*: ENOENT.*; make the folder of \$cert_store/);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('a path in a store', () => {
  const LONGEST = `${'a.'.repeat(126)}a`;
  const SLOTS = [
    ...['a.example', '*.example', LONGEST].flatMap((name) => [name, rsaKey(name)]),
    ...['a.example', '*.example', 'ä'].map(fileKey),
  ];

  test('is another one for each slot', () => {
    const paths = SLOTS.map((slot) => entryPath(STORE, slot));
    expect(new Set(paths).size).toBe(SLOTS.length);
    for (const path of paths)
      expect(path).toMatch(/^\/store\/(names|rsa|files)\/[0-9a-f]{2}\/[^/]+$/);
  });

  test('ends with the name, which has no more than 255 bytes', () => {
    expect(basename(entryPath(STORE, rsaKey(LONGEST)))).toBe(LONGEST);
    expect(LONGEST).toHaveLength(253);
    const version = `${'f'.repeat(64)}.${uniqueId()}+`;
    expect(versionPath(STORE, version)).toBe(`/store/versions/ff/${version}`);
    expect(version.length).toBeLessThan(255);
  });

  test('is in one of 256 folders, none of which has many more than its share', () => {
    const counts = new Map<string, number>();
    for (let i = 0; i < 100_000; i++) {
      const shard = dirname(entryPath(STORE, `customer-${i}.example.com`));
      counts.set(shard, (counts.get(shard) ?? 0) + 1);
    }
    expect(counts.size).toBe(256);
    expect(Math.max(...counts.values())).toBeLessThan(2 * (100_000 / 256));
  });
});

test('a part of a name is never used twice, and has no slash', () => {
  const ids = Array.from({ length: 10_000 }, uniqueId);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(id).toMatch(/^[\w-]{12}$/);
});
