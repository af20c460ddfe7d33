import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { fileKey } from '../../../src/config/slot.js';
import { readFile } from '../../../src/disk/fs.js';
import { isSettled, lacksChain, lacksKey, stampOf, stampOfSlot } from '../../../src/disk/stamp.js';
import { settingsIn } from '../../support/slots.js';

const isRoot = process.getuid?.() === 0;

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

describe('the stamp', () => {
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

test.each([
  ['1:2:3:4:5', true],
  [`1:2:3:4:${Date.now() - 60_000} 1:3:3:4:5`, true],
  [`1:2:3:4:${Date.now()}`, false],
  [`1:2:3:4:5 1:3:3:4:${Date.now()}`, false],
  ['missing 1:3:3:4:5', true],
  // Of a clock that is ahead, nothing can be told.
  [`1:2:3:4:${Date.now() + 60_000}`, true],
])('whether files were left alone for long enough: %s, %s', (stamp, expected) => {
  expect(isSettled(stamp)).toBe(expected);
});

test('a stamp tells which of the files is not there', () => {
  const none = path.join(directory, 'none');
  const told = [
    { cert, key },
    { cert: none, key },
    { cert, key: none },
    { cert, key: cert },
  ].map(stampOf);
  expect(told.map(lacksChain)).toEqual([false, true, false, false]);
  expect(told.map(lacksKey)).toEqual([false, false, true, false]);
});

describe("a slot's files", () => {
  const NAME = 'a.example';
  const settings = () => settingsIn(directory);
  const scanning = () => settingsIn(directory, { scan: `${directory}/*.cert.pem` });
  const at = (name: string): string => path.join(directory, name);
  const write = (...names: string[]): void => {
    for (const name of names) fs.writeFileSync(at(name), '');
  };

  test('have the stamp of both, and none where there are none', () => {
    expect(stampOfSlot(settings(), NAME)).toBe('');
    write('a.example.cert.pem', 'a.example.key.pem');
    const files = { cert: at('a.example.cert.pem'), key: at('a.example.key.pem') };
    expect(stampOfSlot(settings(), NAME)).toBe(stampOf(files));
  });

  test('are there with a key alone, but for where a scan has its keys', () => {
    write('a.example.key.pem');
    expect(stampOfSlot(settings(), NAME)).not.toBe('');
    expect(stampOfSlot(scanning(), NAME)).toBe('');
  });

  test('of a scan are there where a link leads nowhere, and those of a name are not', () => {
    fs.symlinkSync('none', at('a.example.cert.pem'));
    expect(stampOfSlot(scanning(), fileKey(NAME))).not.toBe('');
    expect(stampOfSlot(scanning(), NAME)).toBe('');
  });
});
