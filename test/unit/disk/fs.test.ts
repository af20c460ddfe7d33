import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { readFile } from '../../../src/disk/fs.js';

const MEBIBYTE = 1024 * 1024;
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
