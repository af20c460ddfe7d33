import { existsSync } from 'node:fs';
import { run, succeeds, timed } from './command.js';

let isUpdated = false;

/** Whether this is Debian or one of its derivatives, with the right to install packages. */
export function canInstallPackages(): boolean {
  return existsSync('/etc/debian_version') && process.getuid?.() === 0;
}

/**
 * Installs Debian packages without what they only recommend.
 *
 * @param optional packages to install only where this release has them
 */
export async function installPackages(names: string[], optional: string[] = []): Promise<void> {
  await update();
  const wanted = [...names];
  for (const name of optional) {
    if (await succeeds('apt-cache', ['show', '--quiet', name])) wanted.push(name);
  }
  await timed(`apt-get install ${wanted.join(' ')}`, () =>
    run('apt-get', ['install', '--yes', '--quiet', '--no-install-recommends', ...wanted], {
      env: { DEBIAN_FRONTEND: 'noninteractive' },
    }),
  );
}

/** Puts a Debian package's file, and nothing else, into a directory. */
export async function downloadPackage(name: string, directory: string): Promise<void> {
  await update();
  await timed(`apt-get download ${name}`, () =>
    run('apt-get', ['download', '--quiet', name], { cwd: directory }),
  );
}

async function update(): Promise<void> {
  if (!isUpdated) await timed('apt-get update', () => run('apt-get', ['update', '--quiet']));
  isUpdated = true;
}
