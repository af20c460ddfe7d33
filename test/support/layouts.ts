import {
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pair } from './certificates.js';

/** How a client keeps the pairs that it obtains, and replaces them. */
export interface Layout {
  /** Of nginx/layouts; absent: the defaults fit. */
  file?: string;
  /** The folder that it keeps them in. */
  root: string;
  /** Where in `root` push-all finds them; default: in it. */
  pairs?: string;
  /** What it calls a name in its files; default: `_` in place of `*`. */
  labelOf?: (name: string) => string;
  /**
   * Puts a pair in place.
   *
   * @param root where `root` is on this machine
   * @param version counts up from 0, the first one of the name
   */
  swap: (root: string, label: string, pair: Pair, version: number) => Promise<void>;
}

/** The certificates of a chain after the leaf. */
function issuerOf({ certPem, chainPem }: Pair): string {
  return chainPem.slice(certPem.length);
}

/** Between two steps of a swap, in milliseconds: time enough for handshakes. */
const STEP_MS = 2;

/** As certbot's RenewableCert.update_all_links_to does it: each link is taken away and made anew. */
export const certbot: Layout = {
  file: 'certbot.conf',
  root: '/etc/letsencrypt',
  pairs: 'live',
  swap: async (root, label, pair, version) => {
    const [live, archive] = ['live', 'archive'].map((folder) => join(root, folder, label));
    mkdirSync(live!, { recursive: true });
    mkdirSync(archive!, { recursive: true });
    const texts = { privkey: pair.keyPem, fullchain: pair.chainPem };
    for (const [kind, text] of Object.entries(texts)) {
      writeFileSync(join(archive!, `${kind}${version}.pem`), text);
    }
    for (const kind of Object.keys(texts)) {
      await relink(`../../archive/${label}/${kind}${version}.pem`, join(live!, `${kind}.pem`));
    }
  },
};

/** As `acme.sh --install-cert` does it: `cat new >file`, the key before the chain. */
const acmeShInstalled: Layout = {
  root: '/etc/nginx/certs',
  swap: async (root, label, pair) => {
    await overwrite(join(root, `${label}.key.pem`), pair.keyPem);
    await overwrite(join(root, `${label}.cert.pem`), pair.chainPem);
  },
};

/** The same in its own folders, whose names have the `*`. */
const acmeSh: Layout = {
  file: 'acme.sh.conf',
  root: '/etc/acme.sh',
  labelOf: (name) => name,
  swap: async (root, label, pair) => {
    const folder = join(root, `${label}_ecc`);
    mkdirSync(folder, { recursive: true });
    await overwrite(join(folder, `${label}.key`), pair.keyPem);
    await overwrite(join(folder, 'fullchain.cer'), pair.chainPem);
  },
};

/** As lego's CertificatesStorage does it, with --pem: written in place, the chain before the key. */
const lego: Layout = {
  file: 'lego.conf',
  root: '/var/lib/lego',
  pairs: 'certificates',
  swap: async (root, label, pair) => {
    const folder = join(root, 'certificates');
    mkdirSync(folder, { recursive: true });
    await overwrite(join(folder, `${label}.crt`), pair.chainPem);
    await overwrite(join(folder, `${label}.issuer.crt`), issuerOf(pair));
    await overwrite(join(folder, `${label}.key`), pair.keyPem);
    await overwrite(join(folder, `${label}.pem`), pair.keyPem + pair.chainPem);
  },
};

/** As dehydrated's sign_domain does it: `ln -sf` to files with the time in their names. */
const dehydrated: Layout = {
  file: 'dehydrated.conf',
  root: '/var/lib/dehydrated',
  pairs: 'certs',
  swap: async (root, label, pair, version) => {
    const folder = join(root, 'certs', label);
    const timestamp = 1_790_000_000 + version;
    mkdirSync(folder, { recursive: true });
    const texts = { privkey: pair.keyPem, fullchain: pair.chainPem, cert: pair.certPem };
    for (const [kind, text] of Object.entries(texts)) {
      writeFileSync(join(folder, `${kind}-${timestamp}.pem`), text);
    }
    for (const kind of Object.keys(texts)) {
      await relink(`${kind}-${timestamp}.pem`, join(folder, `${kind}.pem`));
    }
  },
};

/** As the kubelet's AtomicWriter does it: all files at once, by the rename of one link that they lead through. */
const kubernetes: Layout = {
  file: 'kubernetes.conf',
  root: '/etc/nginx/tls',
  swap: async (root, label, pair, version) => {
    const volume = join(root, label);
    const folder = (of: number): string => `..2026_01_01_00_00_00.${of}`;
    mkdirSync(join(volume, folder(version)), { recursive: true });
    writeFileSync(join(volume, folder(version), 'tls.crt'), pair.chainPem);
    writeFileSync(join(volume, folder(version), 'tls.key'), pair.keyPem);
    symlinkSync(folder(version), join(volume, '..data_tmp'));
    renameSync(join(volume, '..data_tmp'), join(volume, '..data'));
    if (version === 0) {
      for (const file of ['tls.crt', 'tls.key']) symlinkSync(`..data/${file}`, join(volume, file));
    } else rmSync(join(volume, folder(version - 1)), { recursive: true });
    await sleep(STEP_MS);
  },
};

/** As `cat fullchain.pem privkey.pem >NAME.pem` does it. */
const haproxy: Layout = {
  file: 'haproxy.conf',
  root: '/etc/haproxy/certs',
  swap: (root, label, pair) => overwrite(join(root, `${label}.pem`), pair.pairPem),
};

/** What a layout's files call a name. */
export function labelIn({ labelOf }: Layout, name: string): string {
  return labelOf?.(name) ?? name.replace('*', '_');
}

export const LAYOUTS: [string, Layout][] = [
  ["certbot's relinked symlinks", certbot],
  ['what acme.sh --install-cert overwrites', acmeShInstalled],
  ["acme.sh's own folders", acmeSh],
  ["lego's files, overwritten in place", lego],
  ["dehydrated's links to timestamped files", dehydrated],
  ["Kubernetes' swapped folder", kubernetes],
  ['combined files as HAProxy has them', haproxy],
];

async function relink(target: string, path: string): Promise<void> {
  if (existsSync(path)) unlinkSync(path);
  await sleep(STEP_MS);
  symlinkSync(target, path);
  await sleep(STEP_MS);
}

async function overwrite(path: string, text: string): Promise<void> {
  const file = await open(path, 'w');
  const third = Math.ceil(text.length / 3);
  for (let at = 0; at < text.length; at += third) {
    await sleep(STEP_MS);
    await file.write(text.slice(at, at + third));
  }
  await file.close();
}
