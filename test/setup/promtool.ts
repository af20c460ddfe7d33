import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { canInstallPackages, downloadPackage } from './apt.js';
import { message, run, succeeds } from './command.js';

const CACHE = resolve(import.meta.dirname, '../../node_modules/.cache');
const CACHED = join(CACHE, 'promtool');

/**
 * Sees to promtool, Prometheus' own reader of metrics and rules. Debian has it in one package with the server, which is
 * not installed: that would start it. A line of output says why where it cannot be had; the tests that want it are
 * skipped then.
 */
export async function setUpPromtool(): Promise<void> {
  if ((await findPromtool()) !== undefined) return;
  try {
    if (!canInstallPackages())
      throw new Error('promtool is missing, and is taken as root on Debian or Ubuntu only');
    await unpack();
  } catch (error) {
    console.log(`Without promtool: ${message(error)}`);
  }
}

/** The program's path or name; undefined where it is not there. */
export async function findPromtool(): Promise<string | undefined> {
  for (const program of [CACHED, 'promtool']) {
    if (await succeeds(program, ['--version'])) return program;
  }
  return undefined;
}

async function unpack(): Promise<void> {
  mkdirSync(CACHE, { recursive: true });
  const directory = mkdtempSync(join(CACHE, 'prometheus-'));
  try {
    await downloadPackage('prometheus', directory);
    const [file = ''] = readdirSync(directory);
    await run('dpkg-deb', ['--extract', join(directory, file), directory]);
    renameSync(join(directory, 'usr/bin/promtool'), CACHED);
  } finally {
    rmSync(directory, { recursive: true });
  }
}
