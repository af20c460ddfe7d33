import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Offer } from '../support/served_corpus.js';
import type { Site, SiteOptions } from '../support/site.js';
import { inBatches, tableByKind, writeReport } from './report.js';

// What static nginx serves and a client verifies is served. The nginx of the runtime reads each pair from the files of the server name, as it
// reads those of a static `ssl_certificate`, and openssl in its image is the client. The same pair is offered to the bundle on that nginx, in
// files and in a put, to the same client.

const BUNDLE_PORT = 8443;
const STATIC_PORT = 8444;
const CERTS = '/etc/nginx/certs';

/** A site with static files beside the bundle. */
export const SERVED_SITE: SiteOptions = {
  store: true,
  zones: 'js_shared_dict_zone zone=certs:16m;',
  http: `
  server {
    listen ${STATIC_PORT} ssl;
    ssl_certificate     ${CERTS}/$ssl_server_name.cert.pem;
    ssl_certificate_key ${CERTS}/$ssl_server_name.key.pem;
    return 204;
  }`,
};

export interface Compared extends Offer {
  /** Whether a client verifies what each serves. */
  isStatic: boolean;
  isFiles: boolean;
  isPut: boolean;
  /** Of the put. */
  answer: string;
}

/** Whether the bundle refuses what works with static files. */
export function isLost({ isStatic, isFiles, isPut }: Compared): boolean {
  return isStatic && !(isFiles && isPut);
}

/** How many pairs are compared together: their files lie beside each other meanwhile. */
const BATCH = 100;

/**
 * Compares pairs, whose certificates are for `*.a.example`.
 *
 * @param onProgress told after each batch what was compared
 */
export async function compareAll(
  site: Site,
  offers: Iterator<Offer, never>,
  count: number,
  onProgress: (compared: Compared[]) => void,
): Promise<Compared[]> {
  const compare = (batch: Offer[], first: number): Promise<Compared[]> =>
    compareBatch(site, batch, first);
  return inBatches(offers, BATCH, count, compare, onProgress);
}

async function compareBatch(site: Site, batch: Offer[], first: number): Promise<Compared[]> {
  const names = batch.map((_, i) => `n${first + i}.a.example`);
  const pathOf = (name: string, kind: string): string =>
    join(site.nginx.certsDirectory, `${name}.${kind}.pem`);
  names.forEach((name, i) => {
    const { cert, key, trusted } = batch[i]!;
    writeFileSync(pathOf(name, 'cert'), cert);
    writeFileSync(pathOf(name, 'key'), key);
    writeFileSync(pathOf(name, 'ca'), trusted);
  });
  const answers: string[] = [];
  for (const [i, name] of names.entries()) {
    const { cert, key } = batch[i]!;
    const body = JSON.stringify({ cert, key });
    const answer = await site.nginx.admin(`/certs/p-${name}`, { method: 'PUT', body });
    answers.push(answer.body);
  }
  const isStatic = await verified(site, STATIC_PORT, names, '');
  const isFiles = await verified(site, BUNDLE_PORT, names, '');
  const isPut = await verified(site, BUNDLE_PORT, names, 'p-');
  for (const name of names) for (const kind of ['cert', 'key', 'ca']) rmSync(pathOf(name, kind));
  return batch.map((offer, i) => ({
    ...offer,
    isStatic: isStatic[i]!,
    isFiles: isFiles[i]!,
    isPut: isPut[i]!,
    answer: answers[i]!,
  }));
}

/** Whether a client verifies what is served for each name, with a prefix before it. */
async function verified(
  { nginx }: Site,
  port: number,
  names: string[],
  prefix: string,
): Promise<boolean[]> {
  const client = `openssl s_client -connect 127.0.0.1:${port} -servername ${prefix}$0 -CAfile ${CERTS}/$0.ca.pem`;
  const one = `${client} -verify_return_error -verify_hostname ${prefix}$0 </dev/null >/dev/null 2>&1 && echo $0`;
  const script = (atATime: number, asked: string[]): string =>
    `printf '%s\\n' ${asked.join(' ')} | xargs -P ${atATime} -n 1 sh -c '${one} || true'`;
  const ask = async (atATime: number, asked: string[]): Promise<Set<string>> => {
    if (asked.length === 0) return new Set();
    const { stdout } = await nginx.exec(['sh', '-c', script(atATime, asked)]);
    return new Set(stdout.split('\n').filter(Boolean));
  };
  const served = await ask(4, names);
  // nginx 1.26 charges an error of one handshake to another one that is under way: those that failed are asked for again, alone.
  const again = await ask(
    1,
    names.filter((name) => !served.has(name)),
  );
  return names.map((name) => served.has(name) || again.has(name));
}

/** One line for each kind: what became of the pairs of it. */
function tableOf(compared: Compared[]): string {
  return tableByKind('kind', compared, [
    ['verified from static nginx', ({ isStatic }) => isStatic],
    ['and from files', ({ isStatic, isFiles }) => isStatic && isFiles],
    ['and from a put', ({ isStatic, isPut }) => isStatic && isPut],
    ['from the bundle alone', ({ isStatic, isFiles, isPut }) => !isStatic && isFiles && isPut],
    ['lost', isLost],
  ]);
}

/** Writes a report, and shows its beginning. */
export function reportServed(path: string, heading: string, compared: Compared[]): void {
  const lost = compared
    .filter(isLost)
    .map(
      ({ title, isFiles, isPut, answer }) =>
        `files: ${isFiles}, put: ${isPut}, answer: ${answer}\n\n${title}`,
    );
  writeReport(path, [`# ${heading}\n`, tableOf(compared), ...lost]);
}
