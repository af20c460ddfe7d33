import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { readFile } from '../../../src/disk/fs.js';
import { normaliseWithWildcard } from '../../../src/x509/server_name.js';
import type { Settings } from '../../../src/config/settings.js';
import { rsaKey } from '../../../src/config/slot.js';
import { slotPaths, isPerName } from '../../../src/config/paths.js';
import { stampOf, isSettled } from '../../../src/disk/stamp.js';
const SETTINGS: Settings = {
  certFile: '/certs/{name}.cert.pem',
  keyFile: '/certs/{name}.key.pem',
  certFileRsa: '/rsa/{name}.cert.pem',
  keyFileRsa: '/rsa/{name}.key.pem',
  wildcardLabel: '_',
  scan: '',
  fallback: '',
  store: '',
  followsEtcd: false,
};

const MEBIBYTE = 1024 * 1024;
const isRoot = process.getuid?.() === 0;

describe('path templates', () => {
  test('{name} stands for the name, wherever and however often it is written', () => {
    const settings = { ...SETTINGS, certFile: '/live/{name}/{name}.pem', keyFile: '{name}' };
    expect(slotPaths(settings, 'a.example')).toEqual({
      cert: '/live/a.example/a.example.pem',
      key: 'a.example',
    });
  });

  test('the RSA slot has templates of its own', () => {
    expect(slotPaths(SETTINGS, rsaKey('*.example.com'))).toEqual({
      cert: '/rsa/_.example.com.cert.pem',
      key: '/rsa/_.example.com.key.pem',
    });
  });

  test('a template without {name} is one file for all names', () => {
    const settings = { ...SETTINGS, certFile: '/certs/all.pem', keyFile: '/certs/{NAME}.key' };
    expect(slotPaths(settings, 'a.example')).toEqual({
      cert: '/certs/all.pem',
      key: '/certs/{NAME}.key',
    });
    expect(isPerName('/certs/all.pem')).toBe(false);
    expect(isPerName('/certs/{NAME}.pem')).toBe(false);
    expect(isPerName('/certs/{name}.pem')).toBe(true);
  });

  test.each<[string, string]>([
    ['_', '/certs/_.example.com.cert.pem'],
    ['wildcard', '/certs/wildcard.example.com.cert.pem'],
    ['*', '/certs/*.example.com.cert.pem'],
    ['$&', '/certs/$&.example.com.cert.pem'],
  ])('the label %j stands for the "*" of a wildcard', (wildcardLabel, cert) => {
    expect(slotPaths({ ...SETTINGS, wildcardLabel }, '*.example.com').cert).toBe(cert);
  });

  test('the label stands for nothing in another name', () => {
    expect(slotPaths({ ...SETTINGS, wildcardLabel: 'x' }, '_.example.com').cert).toBe(
      '/certs/_.example.com.cert.pem',
    );
  });

  test('no server name leads out of the folder, or further into it', () => {
    const piece = fc.constantFrom('a', 'B', '0', '-', '_', '.', '..', '/', '../', '\\', '*.', '\0');
    const settings = { ...SETTINGS, keyFile: '/live/{name}/privkey.pem' };
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const name = normaliseWithWildcard(pieces.join(''));
        fc.pre(name !== '');
        const { cert, key } = slotPaths(settings, name);
        expect(path.normalize(cert)).toBe(cert);
        expect(path.dirname(cert)).toBe('/certs');
        expect(path.normalize(key)).toBe(key);
        expect(path.dirname(path.dirname(key))).toBe('/live');
      }),
    );
  });
});

let directory: string;
let cert: string;
let key: string;

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(tmpdir(), 'njs-cert-rotation-disk-'));
  cert = path.join(directory, 'cert.pem');
  key = path.join(directory, 'key.pem');
  fs.writeFileSync(cert, 'chain');
  fs.writeFileSync(key, 'private');
});

afterEach(() => {
  vi.restoreAllMocks();
  fs.rmSync(directory, { recursive: true, force: true });
});

/** Time enough for the next change to have another time stamp, on a kernel of 100 ticks a second too. */
async function nextTick(): Promise<void> {
  await sleep(25);
}

describe('identify', () => {
  test('is the same while nothing changes, also after a read', () => {
    const before = stampOf({ cert, key });
    expect(before).not.toBe('');
    readFile(cert);
    expect(stampOf({ cert, key })).toBe(before);
  });

  test('is empty where no file is there', () => {
    fs.rmSync(cert);
    fs.rmSync(key);
    expect(stampOf({ cert, key })).toBe('');
    expect(stampOf({ cert, key: cert })).toBe('');
  });

  test('tells which of two files is missing', () => {
    const both = stampOf({ cert, key });
    const none = path.join(directory, 'none');
    const onlyCert = stampOf({ cert, key: none });
    const onlyKey = stampOf({ cert: none, key });
    expect(new Set([both, onlyCert, onlyKey, '']).size).toBe(4);
  });

  test('one file that holds both is looked at once', () => {
    const stat = vi.spyOn(fs, 'statSync');
    expect(stampOf({ cert, key: cert })).not.toBe('');
    expect(stat).toHaveBeenCalledTimes(1);
  });

  test.each<[string, () => string]>([
    ['a link that leads nowhere', () => link('none')],
    ['a folder that is not there', () => path.join(directory, 'none', 'cert.pem')],
    ['a file in the place of the folder', () => path.join(cert, 'cert.pem')],
    ['a name too long for a file', () => path.join(directory, 'a'.repeat(300))],
  ])('%s is a missing file', (_, make) => {
    const file = make();
    expect(stampOf({ cert: file, key: file })).toBe('');
  });

  test.each<[string, () => string]>([
    ['a link to itself', () => link('link')],
    ['a folder', () => directory],
  ])('%s is not missing, only unusable', (_, make) => {
    const file = make();
    expect(stampOf({ cert: file, key: file })).not.toBe('');
  });

  test.skipIf(isRoot)('a file in a folder that may not be entered is not missing', () => {
    fs.mkdirSync(path.join(directory, 'closed'), { mode: 0 });
    const file = path.join(directory, 'closed', 'cert.pem');
    expect(stampOf({ cert: file, key: file })).not.toBe('');
  });

  test('a named pipe is looked at without waiting for a writer', () => {
    const pipe = path.join(directory, 'pipe');
    execFileSync('mkfifo', [pipe]);
    expect(stampOf({ cert: pipe, key: pipe })).not.toBe('');
  });

  test.each(['dev', 'ino', 'size', 'mtimeMs', 'ctimeMs'] as const)(
    'a change of %s alone is seen, in either file',
    (field) => {
      const before = stampOf({ cert, key });
      for (const changed of [cert, key]) {
        const stats = fs.statSync(changed);
        stats[field] += 1;
        const stat = vi
          .spyOn(fs, 'statSync')
          .mockImplementation((file) => (file === changed ? stats : fs.lstatSync(file)));
        expect(stampOf({ cert, key }), changed).not.toBe(before);
        stat.mockRestore();
        expect(stampOf({ cert, key })).toBe(before);
      }
    },
  );

  test('new content of the same length is seen, also when the old times are put back', async () => {
    const before = stampOf({ cert, key });
    const { atime, mtime } = fs.statSync(cert);
    await nextTick();
    fs.writeFileSync(cert, 'niahc');
    fs.utimesSync(cert, atime, mtime);
    expect(stampOf({ cert, key })).not.toBe(before);
  });

  test('another file under the name is seen, also with the content and the times of the old', () => {
    const before = stampOf({ cert, key });
    const { atime, mtime } = fs.statSync(cert);
    const next = path.join(directory, 'next');
    fs.writeFileSync(next, 'chain');
    fs.utimesSync(next, atime, mtime);
    fs.renameSync(next, cert);
    expect(stampOf({ cert, key })).not.toBe(before);
  });

  test('a link that leads to another file is seen', () => {
    const file = link('cert.pem');
    const before = stampOf({ cert: file, key: file });
    fs.rmSync(file);
    link('key.pem');
    expect(stampOf({ cert: file, key: file })).not.toBe(before);
  });
});

/** A symbolic link in the directory. */
function link(target: string): string {
  const file = path.join(directory, 'link');
  fs.symlinkSync(target, file);
  return file;
}

describe('read', () => {
  test('gives the text of a file, also through a link', () => {
    fs.writeFileSync(cert, '# größe\n');
    expect(readFile(cert)).toBe('# größe\n');
    expect(readFile(link('cert.pem'))).toBe('# größe\n');
  });

  test('takes 1 MiB, and no byte more', () => {
    fs.writeFileSync(cert, 'a'.repeat(MEBIBYTE));
    expect(readFile(cert)).toHaveLength(MEBIBYTE);
    fs.appendFileSync(cert, 'a');
    expect(() => readFile(cert)).toThrow(`${cert}: larger than 1 MiB`);
  });

  test.each<[string, () => string, string]>([
    ['a file that is not there', () => path.join(directory, 'none'), 'ENOENT'],
    ['a link that leads nowhere', () => link('none'), 'ENOENT'],
    ['a folder', () => directory, 'not a regular file'],
    ['a device', () => '/dev/null', 'not a regular file'],
  ])('%s is refused, with its path and the reason', (_, make, reason) => {
    const file = make();
    expect(() => readFile(file)).toThrow(`${file}: ${reason}`);
  });

  test('a named pipe is refused at once', () => {
    const pipe = path.join(directory, 'pipe');
    execFileSync('mkfifo', [pipe]);
    // Who waits for a writer gets one, so that this fails and does not hang.
    const script = 'setTimeout(() => fs.openSync(process.argv[1], "w"), 3000)';
    const writer = spawn(process.execPath, ['-e', script, pipe], { stdio: 'ignore' });
    try {
      expect(() => readFile(pipe)).toThrow(`${pipe}: not a regular file`);
    } finally {
      writer.kill();
    }
  });

  test.skipIf(isRoot)('a file that may not be read is refused', () => {
    fs.chmodSync(key, 0);
    expect(() => readFile(key)).toThrow(`${key}: EACCES`);
  });

  test('what it throws has no code, which would make it a refusal of the content', () => {
    try {
      readFile(path.join(directory, 'none'));
      expect.unreachable();
    } catch (e) {
      expect(e).toBeInstanceOf(Error);
      expect(e).not.toHaveProperty('code');
    }
  });
});

test.each([
  ['1:2:3:4:5', true],
  [`1:2:3:4:${Date.now() - 60_000} 1:3:3:4:5`, true],
  [`1:2:3:4:${Date.now()}`, false],
  [`1:2:3:4:5 1:3:3:4:${Date.now()}`, false],
  ['missing 1:3:3:4:5', true],
  // Of a clock that is ahead, nothing can be told.
  [`1:2:3:4:${Date.now() + 60_000}`, true],
])('whether files were left alone for long enough: %s, %s', (identity, expected) => {
  expect(isSettled(identity)).toBe(expected);
});
