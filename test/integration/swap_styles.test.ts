import {
  mkdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Pair } from '../support/certificates.js';
import { startClients } from './clients.js';
import { startSite } from './site.js';

const CLEARED = 'cleared.example';
const WATCHED = 'watched.example';
const CLIENTS = 8;
const ROTATIONS = 20;
const INTERVAL_S = 0.1;
/** How long a pair may take to be served that was not announced, in milliseconds. */
const PATIENCE_MS = 10_000;

interface Style {
  certFile: string;
  keyFile: string;
  /** Makes the folders and links before the first pair. */
  prepare: (certs: string, name: string) => void;
  /** Puts a pair in place. */
  swap: (certs: string, name: string, pair: Pair, version: number) => Promise<void>;
}

/** As certbot's RenewableCert.update_all_links_to does it: each link is taken away and made anew. */
const certbot: Style = {
  certFile: '/etc/nginx/certs/live/{name}/fullchain.pem',
  keyFile: '/etc/nginx/certs/live/{name}/privkey.pem',
  prepare: (certs, name) => {
    for (const folder of ['live', 'archive']) {
      mkdirSync(join(certs, folder, name), { recursive: true });
    }
    for (const kind of ['privkey', 'fullchain']) {
      symlinkSync(`../../archive/${name}/${kind}0.pem`, join(certs, 'live', name, `${kind}.pem`));
    }
  },
  swap: async (certs, name, pair, version) => {
    const archive = join(certs, 'archive', name);
    writeFileSync(join(archive, `privkey${version}.pem`), pair.keyPem);
    writeFileSync(join(archive, `fullchain${version}.pem`), pair.chainPem);
    for (const kind of ['privkey', 'fullchain']) {
      const link = join(certs, 'live', name, `${kind}.pem`);
      const folder = dirname(readlinkSync(link));
      unlinkSync(link);
      await sleep(2);
      symlinkSync(join(folder, `${kind}${version}.pem`), link);
      await sleep(2);
    }
  },
};

/** As `acme.sh --install-cert` does it: `cat new >file`, the key before the chain. */
const acmeSh: Style = {
  certFile: '/etc/nginx/certs/{name}/fullchain.cer',
  keyFile: '/etc/nginx/certs/{name}/{name}.key',
  prepare: (certs, name) => {
    mkdirSync(join(certs, name));
  },
  swap: async (certs, name, pair) => {
    await overwrite(join(certs, name, `${name}.key`), pair.keyPem);
    await overwrite(join(certs, name, 'fullchain.cer'), pair.chainPem);
  },
};

async function overwrite(path: string, text: string): Promise<void> {
  const file = await open(path, 'w');
  const third = Math.ceil(text.length / 3);
  for (let at = 0; at < text.length; at += third) {
    await sleep(2);
    await file.write(text.slice(at, at + third));
  }
  await file.close();
}

/** As the kubelet's AtomicWriter does it: all files at once, by the rename of one link that they lead through. */
const kubernetes: Style = {
  certFile: '/etc/nginx/certs/{name}/tls.crt',
  keyFile: '/etc/nginx/certs/{name}/tls.key',
  prepare: (certs, name) => {
    mkdirSync(join(certs, name));
    for (const file of ['tls.crt', 'tls.key']) {
      symlinkSync(`..data/${file}`, join(certs, name, file));
    }
  },
  swap: async (certs, name, pair, version) => {
    const volume = join(certs, name);
    const folder = (of: number): string => `..2026_01_01_00_00_00.${of}`;
    mkdirSync(join(volume, folder(version)));
    writeFileSync(join(volume, folder(version), 'tls.crt'), pair.chainPem);
    writeFileSync(join(volume, folder(version), 'tls.key'), pair.keyPem);
    symlinkSync(folder(version), join(volume, '..data_tmp'));
    renameSync(join(volume, '..data_tmp'), join(volume, '..data'));
    rmSync(join(volume, folder(version - 1)), { recursive: true, force: true });
    await sleep(2);
  },
};

describe.each([
  ["certbot's relinked symlinks", certbot],
  ["acme.sh's files overwritten in place", acmeSh],
  ["Kubernetes' swapped folder", kubernetes],
])('%s, under clients without pause', async (_, { certFile, keyFile, prepare, swap }) => {
  const site = await startSite({
    variables: 'two',
    settings: { file: certFile, key_file: keyFile },
    http: `map $ssl_server_name $cert_check_interval { ${CLEARED} 0; default ${INTERVAL_S}; }`,
  });
  const certs = site.nginx.certsDirectory;

  /** Puts the first pair in place, and starts clients that take no version lower than one seen or cleared before. */
  async function start(name: string) {
    const versions: string[] = [];
    let cleared = 0;
    async function rotate(): Promise<void> {
      const pair = await site.authority.issue({ names: [name] });
      await swap(certs, name, pair, versions.push(pair.serial) - 1);
    }
    prepare(certs, name);
    await rotate();
    expect(await site.serial(name)).toBe(versions[0]);
    const clients = startClients(CLIENTS, () => {
      let seen = 0;
      return async () => {
        const atLeast = Math.max(seen, cleared);
        seen = versions.indexOf(await site.serial(name));
        expect(seen).toBeGreaterThanOrEqual(atLeast);
      };
    });
    return {
      rotate,
      clients,
      latest: () => versions.at(-1),
      clear: async (asked?: string) => {
        await site.clear(asked);
        cleared = versions.length - 1;
      },
    };
  }

  test('with a clear after each swap, that pair is served at once, and no handshake fails', async () => {
    const { rotate, clients, latest, clear } = await start(CLEARED);
    for (let rotation = 1; rotation <= ROTATIONS; rotation++) {
      await rotate();
      await clear(rotation % 2 ? undefined : CLEARED);
      expect(await site.serial(CLEARED)).toBe(latest());
    }
    expect(await clients.stop()).toBeGreaterThan(ROTATIONS);
  });

  test('with the check interval alone, no handshake fails, and the last pair comes to be served', async () => {
    const { rotate, clients, latest } = await start(WATCHED);
    for (let rotation = 1; rotation <= ROTATIONS; rotation++) {
      await rotate();
      // Not in step with the looks, which so find every state of a swap.
      await sleep(Math.random() * INTERVAL_S * 1000);
    }
    await expect
      .poll(() => site.serial(WATCHED), { timeout: PATIENCE_MS, interval: 50 })
      .toBe(latest());
    expect(await clients.stop()).toBeGreaterThan(ROTATIONS);
  });

  test('no key stands in the log', () => {
    expect(site.nginx.log()).not.toContain('-----BEGIN');
  });
});
