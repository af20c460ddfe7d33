import { createAuthority, type Pair } from '../../support/certificates.js';

/** A certificate to be served, on a port of its own. */
export interface Site {
  key: 'ec' | 'rsa';
  title: string;
  name: string;
  port: number;
  /** The same under cachegrind. */
  countedPort: number;
}

export const SITES: Site[] = [
  { key: 'ec', title: 'ECDSA P-256', name: 'p256.example', port: 8443, countedPort: 9443 },
  { key: 'rsa', title: 'RSA-2048', name: 'rsa.example', port: 8444, countedPort: 9444 },
];

/** Issues a pair for each of the sites. */
export async function issuePairs(): Promise<Map<Site, Pair>> {
  const authority = await createAuthority();
  const pairs = new Map<Site, Pair>();
  for (const site of SITES) {
    pairs.set(site, await authority.issue({ names: [site.name], keyType: site.key }));
  }
  return pairs;
}
