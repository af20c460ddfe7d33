import { describe } from 'vitest';
import { currentRuntime } from '../setup/runtimes.js';
import { startContainer } from './container.js';
import { ROOT } from './documents.js';

/** What stands in for systemd, and for a package manager that would have to download. */
const STAND_INS = {
  'apt-get': '[ "$1" = install ] && shift && dpkg --status "$@" >/dev/null',
  systemctl: `
    [ "$1" = daemon-reload ] && exit
    [ "$*" = 'restart nginx' ] || exit 1
    [ -e /run/nginx.pid ] && nginx -s stop && while [ -e /run/nginx.pid ]; do sleep 0.05; done
    /usr/sbin/nginx`,
  // Lines of type `d`, which is all that the documents have.
  'systemd-tmpfiles': `
    [ "$1" = --create ] || exit 1
    sed -n 's/^d //p' "$2" | while read -r path mode user group; do
      install -d -m "$mode" -o "$user" -g "$group" "$path"
    done`,
};

/** A Debian with nginx as its packages leave it, where somebody follows a document. */
export interface Debian {
  /** Runs a text that root pastes, in a clone of this repository. Throws where it fails. */
  sh: (script: string, ...args: string[]) => Promise<string>;
}

/** A group of tests that follow what documents say of Debian: one engine of njs is enough for that. */
export function describeOnDebian(title: string, body: () => Promise<void>): void {
  const { name } = currentRuntime();
  const isDebian = name === 'debian13' || name === 'njs';
  describe.skipIf(!isDebian)(title, async () => {
    // vitest calls what it skips as well.
    if (isDebian) await body();
  });
}

export async function startDebian(): Promise<Debian> {
  const options = ['--volume', `${ROOT}:/clone:ro`, '--workdir', '/clone'];
  const container = await startContainer(currentRuntime().image, options, ['sleep', 'infinity']);
  async function sh(script: string, ...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await container.exec(['sh', '-ec', script, ...args]);
    if (code !== 0) throw new Error(`${script}\n${stdout}${stderr}`);
    return stdout;
  }
  for (const [name, text] of Object.entries(STAND_INS)) {
    const file = `/usr/local/sbin/${name}`;
    await sh(`printf '%s\\n' '#!/bin/sh' "$0" >${file}; chmod 755 ${file}`, text);
  }
  return { sh };
}

/** The serial number that `openssl x509 -serial` has printed; empty: none. */
export function serialIn(text: string): string {
  return /^serial=(\w+)$/m.exec(text)?.[1] ?? '';
}
