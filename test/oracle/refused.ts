import { closeSync, fstatSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { readPair, servedPem } from '../../src/x509/pair.js';
import type { Mutation } from '../support/mutations.js';
import { ERROR_LOG } from '../support/nginx.js';
import type { Site, SiteOptions } from '../support/site.js';
import { table } from '../load/markdown.js';
import { inBatches, tableByKind, writeReport } from './report.js';

// What OpenSSL refuses is refused. The judge is the nginx of the runtime with its OpenSSL: it reads chain and key of each pair from the
// file of the server name, as it reads those of a static `ssl_certificate`, and says in its log what it cannot load. The same pair is
// offered to the bundle on that nginx, in files and in a put.

const STATIC_PORT = 8444;

/** A site with the judge beside the bundle. Names are those of files in /etc/nginx/certs. */
export const JUDGED_SITE: SiteOptions = {
  settings: { key_file: '/etc/nginx/certs/{name}.cert.pem' },
  zones: 'js_shared_dict_zone zone=certs:64m;',
  http: `
  server {
    listen ${STATIC_PORT} ssl;
    ssl_certificate     /etc/nginx/certs/$ssl_server_name.cert.pem;
    ssl_certificate_key /etc/nginx/certs/$ssl_server_name.cert.pem;
    return 204;
  }`,
};

/** `taken`, or the reason of the refusal. */
type Verdict = string;

export interface Judged extends Mutation {
  /** Of OpenSSL, on the pair as it is. */
  openssl: Verdict;
  /** Of the bundle. */
  files: Verdict;
  put: Verdict;
  /** Of OpenSSL, on what the bundle gives to nginx; empty where it gives nothing. */
  given: Verdict;
}

export const TAKEN = 'taken';

/** Whether the bundle takes what OpenSSL refuses. */
export function isWrong({ given }: Judged): boolean {
  return given !== '' && given !== TAKEN;
}

/** How many pairs are judged together: their files lie beside each other meanwhile. */
const BATCH = 250;

/** How many handshakes are made at a time. */
const AT_A_TIME = 8;

/**
 * Judges pairs, whose certificates are for `*.a.example`.
 *
 * @param onProgress told after each batch how many were judged
 */
export async function judgeAll(
  site: Site,
  pairs: Iterator<Mutation, never>,
  count: number,
  onProgress: (judged: Judged[]) => void,
): Promise<Judged[]> {
  const log = followLog(site);
  const judge = (batch: Mutation[], first: number): Promise<Judged[]> =>
    judgeBatch(site, log, batch, first);
  return inBatches(pairs, BATCH, count, judge, onProgress);
}

async function judgeBatch(
  site: Site,
  log: () => string[],
  batch: Mutation[],
  first: number,
): Promise<Judged[]> {
  const names = batch.map((_, i) => `n${first + i}.a.example`);
  const texts = batch.map(({ text }) => text);
  const openssl = await judgeStatic(site, log, names, texts);
  // The files are still there, and are now asked for by the bundle.
  await inTurns(names, (name) => site.serial(name).catch(() => ''));
  const lines = log().filter((line) => line.includes(' js: cert_rotation: '));
  const files = names.map((name) => verdictIn(lines, name));
  const puts = await inTurns(names, (name, i) => putVerdict(site, `p-${name}`, texts[i]!));
  for (const name of names) rmSync(fileOf(site, name));

  const taken = names.flatMap((_, i) => (files[i] === TAKEN || puts[i] === TAKEN ? [i] : []));
  const given = await judgeStatic(
    site,
    log,
    taken.map((i) => `g-${names[i]!}`),
    taken.map((i) => givenFor(texts[i]!)),
  );
  for (const i of taken) rmSync(fileOf(site, `g-${names[i]!}`));
  return batch.map((mutation, i) => ({
    ...mutation,
    openssl: openssl[i]!,
    files: files[i]!,
    put: puts[i]!,
    given: given[taken.indexOf(i)] ?? '',
  }));
}

/** What nginx gets of a pair. Where the code refuses it in this engine, the bundle should have refused it as well. */
function givenFor(text: string): string {
  try {
    const { key, chain } = servedPem(readPair(text));
    return key + chain;
  } catch {
    return text;
  }
}

function fileOf({ nginx }: Site, name: string): string {
  return join(nginx.certsDirectory, `${name}.cert.pem`);
}

const FAILURE = /(?:cannot load certificate|SSL_use_|SSL_set0_chain)/;

async function judgeStatic(
  site: Site,
  log: () => string[],
  names: string[],
  texts: string[],
): Promise<Verdict[]> {
  names.forEach((name, i) => {
    writeFileSync(fileOf(site, name), texts[i]!);
  });
  const address = site.nginx.address(STATIC_PORT);
  await inTurns(names, (name) => site.serial(name, address).catch(() => ''));
  const failures = log().filter((line) => FAILURE.test(line));
  return names.map((name) => {
    const failure = failures.find((line) => line.includes(`/certs/${name}.cert.pem"`));
    return failure === undefined ? TAKEN : reasonIn(failure);
  });
}

/** OpenSSL's last reason in a line of nginx's log, such as `bad end line`. */
function reasonIn(line: string): string {
  return / routines:[^:]*:([^:)]+)/.exec(line)?.[1] ?? 'refused';
}

/** The bundle may say more of a pair: what it has repaired. */
function verdictIn(lines: string[], name: string): Verdict {
  const said = new RegExp(`cert_rotation: ${name}: (?:(loaded) from |([a-z-]+): )`);
  const [, loaded, code] = said.exec(lines.join('\n')) ?? [];
  if (loaded) return TAKEN;
  if (code === undefined) throw new Error(`the log does not say what became of ${name}`);
  return code;
}

async function putVerdict(site: Site, name: string, body: string): Promise<Verdict> {
  const answer = await site.nginx.admin(`/certs/${name}`, { method: 'PUT', body });
  const { code = TAKEN } = JSON.parse(answer.body) as { code?: string };
  if (code === TAKEN) await site.nginx.admin(`/certs/${name}`, { method: 'DELETE' });
  return code;
}

async function inTurns<T, R>(items: T[], work: (item: T, i: number) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let i = next++; i < items.length; i = next++) results[i] = await work(items[i]!, i);
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, lane));
  return results;
}

/** Reads the lines that were logged since the last call. */
function followLog({ nginx }: Site): () => string[] {
  const path = join(dirname(nginx.adminSocket), basename(ERROR_LOG));
  let read = 0;
  return () => {
    const file = openSync(path, 'r');
    try {
      const bytes = Buffer.alloc(fstatSync(file).size - read);
      read += readSync(file, bytes, 0, bytes.length, read);
      return bytes.toString().split('\n');
    } finally {
      closeSync(file);
    }
  };
}

/** What OpenSSL refuses, and why, by how often. */
function reasonsOf(judged: Judged[]): string {
  const counts = new Map<string, number>();
  for (const { openssl } of judged) counts.set(openssl, (counts.get(openssl) ?? 0) + 1);
  counts.delete(TAKEN);
  const rows = [...counts]
    .sort((a, b) => b[1] - a[1])
    .map(([reason, times]) => [reason, String(times)]);
  return table(['OpenSSL says', 'pairs'], rows).join('\n') + '\n';
}

/** One line for each kind of damage: what became of the pairs with it. */
function tableOf(judged: Judged[]): string {
  return tableByKind('damage', judged, [
    ['refused by OpenSSL', ({ openssl }) => openssl !== TAKEN],
    ['and in files', ({ openssl, files }) => openssl !== TAKEN && files !== TAKEN],
    ['and in a put', ({ openssl, put }) => openssl !== TAKEN && put !== TAKEN],
    ['repaired', ({ openssl, given }) => openssl !== TAKEN && given === TAKEN],
    ['taken, and refused by OpenSSL', isWrong],
  ]);
}

/** Writes a report, and shows its beginning. */
export function reportRefused(path: string, heading: string, judged: Judged[]): void {
  const wrong = judged
    .filter(isWrong)
    .map(({ title, given, files, put }) => `${given}; files: ${files}, put: ${put}\n\n${title}`);
  writeReport(path, [`# ${heading}\n`, tableOf(judged), reasonsOf(judged), ...wrong]);
}
