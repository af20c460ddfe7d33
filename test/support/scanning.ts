import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IssueOptions, Pair } from './certificates.js';
import { startSite, type Site, type SiteOptions } from './site.js';

/** What runs a scan. */
export const PERIODIC = 'location @scan { js_periodic certs.scan interval=500ms; }';

/** A site that looks for names in the certificates of a folder. */
export interface Folder {
  site: Site;
  /** Every pair that was issued. */
  pairs: Pair[];
  /** Issues a pair, and writes it under a label. */
  write: (label: string, names: string[], more?: Partial<IssueOptions>) => Promise<Pair>;
  /** Removes the files under a label. */
  remove: (label: string) => void;
  /** A file of the folder, on this machine. */
  path: (file: string) => string;
}

/** A site whose `$cert_scan` are the files LABEL.crt of the folder, and its `$cert_file` others of the same folder. */
export async function startFolder(options: SiteOptions = {}): Promise<Folder> {
  const site = await startSite({
    zones: `js_shared_dict_zone zone=certs:2m;
      js_shared_dict_zone zone=certs_misses:128k timeout=60s evict;`,
    admin: PERIODIC,
    ...options,
    settings: { scan: '/etc/nginx/certs/*.crt', check_interval: '0', ...options.settings },
  });
  const path = (file: string): string => join(site.nginx.certsDirectory, file);
  const pairs: Pair[] = [];
  return {
    site,
    pairs,
    path,
    write: async (label, names, more = {}) => {
      const pair = await site.authority.issue({ names, ...more });
      pairs.push(pair);
      writeFileSync(path(`${label}.key.pem`), pair.keyPem);
      writeFileSync(path(`${label}.crt`), pair.chainPem);
      return pair;
    },
    remove: (label) => {
      rmSync(path(`${label}.crt`));
      rmSync(path(`${label}.key.pem`));
    },
  };
}
