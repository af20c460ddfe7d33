import { CLEARS, MANY } from './costs.js';
import { PACE_MS, QUIET_MS } from './paced.js';
import { FOLDED, FURTHER_NAMES } from './scan_zone.js';
import { USUAL_CACHE } from './subjects.js';

/** Something that is measured of subjects, for some numbers of names. */
export interface Figure {
  title: string;
  unit: string;
  /** After the decimal point. */
  digits: number;
  /** How it is measured, as Markdown. */
  how: string;
}

/** In the order of the report. */
export const FIGURES = {
  configuration: {
    title: 'Reading the configuration',
    unit: 'ms',
    digits: 0,
    how: 'Wall time of `nginx -t`, or `haproxy -c`, from the start of the process to its end: with static certificates it reads all of them.',
  },
  workerRss: {
    title: 'Memory of a worker, with all that it shares',
    unit: 'MiB',
    digits: 0,
    how: "RSS of the one process that makes handshakes, after a handshake with each name. What it shares counts in full: with static certificates nearly all is the master's, too, and with the bundle the dictionary is that of all workers. After `/metrics`: the worker keeps what memory it took to list all names.",
  },
  workerPss: {
    title: 'Memory of a worker, with its share of what it shares',
    unit: 'MiB',
    digits: 0,
    how: 'PSS of the same process: what it has in common with the master counts half.',
  },
  allPss: {
    title: 'Memory of all processes',
    unit: 'MiB',
    digits: 0,
    how: 'The sum of their PSS: what the server takes from the machine. During a reload there are two workers.',
  },
  renewal: {
    title: 'From renewed files on disk to the first handshake with the new certificate',
    unit: 'ms',
    digits: 1,
    how: "A new chain and key are in place of one name's. Then: `SIGHUP` to nginx's master; or `POST /clear`; or a `PUT` of what is in the files; or `set ssl cert` and `commit ssl cert` of that on one connection to HAProxy's runtime API. Handshakes follow, one after the other, until one serves the new certificate; that one's time is included, at the client as well. With `$cert_scan` a `/clear` looks at all files before it answers.",
  },
  clear: {
    title: 'Worker CPU time of a `/clear`',
    unit: 'µs',
    digits: 0,
    how: `Of all names, the HTTP request included; ${CLEARS} requests, one after the other.`,
  },
  handshakeOne: {
    title: 'Worker CPU time of a handshake, always the same name',
    unit: 'µs',
    digits: 0,
    how: 'Full TLS 1.3 handshakes; where there is an `ssl_certificate_cache`, the certificate is in it.',
  },
  handshakeMany: {
    title: 'Worker CPU time of a handshake, names in turn',
    unit: 'µs',
    digits: 0,
    how: `The same with ${MANY} names, evenly spread over all, of which each was asked for a moment ago. In an \`ssl_certificate_cache\` with ${USUAL_CACHE} entries none of them is found: nginx reads the PEM each time.`,
  },
  walkCpu: {
    title: 'Worker CPU time of a request that looks at all names',
    unit: 'ms',
    digits: 0,
    how: '`GET /metrics`, and `GET /certs/?limit=100`.',
  },
  walkStall: {
    title: 'The longest handshake meanwhile',
    unit: 'ms',
    digits: 0,
    how: 'As the client sees it. There is one worker: it lists the keys of the dictionary in one go.',
  },
  zone: {
    title: 'Bytes of the shared dictionary for each name',
    unit: 'bytes',
    digits: 0,
    how: `Free pages before and after the handshakes with all names, by \`/metrics\`. With \`$cert_scan\`, before and after the first scan, each certificate with one name; and what each further name takes where ${FOLDED} certificates have ${FURTHER_NAMES} more.`,
  },
  firstScan: {
    title: 'The first scan: from the start of nginx until every name is found',
    unit: 's',
    digits: 1,
    how: 'From the time stamp of the socket that nginx makes when it starts, to the line in the log for the last certificate; `/metrics` then has all names, all files, and none pending. Once.',
  },
  scanHandshake: {
    title: 'Handshakes while the first scan runs, and while none does',
    unit: 'ms',
    digits: 1,
    how: `As the client sees them: full TLS 1.3 handshakes with always the same name, one begun every ${PACE_MS} ms, whether those before have come to an end or not. During the first scan, and then, with the same nginx, for ${QUIET_MS / 1000} s without one.`,
  },
  scanPrivate: {
    title: 'Private memory of a worker that scans',
    unit: 'MiB',
    digits: 0,
    how: 'Without the shared dictionary (`RssAnon`): of an nginx whose folder is empty; the highest of ten samples a second during the first scan; and after it.',
  },
  scanRss: {
    title: 'Memory of a worker that scans, with all that it shares',
    unit: 'MiB',
    digits: 0,
    how: 'RSS at the same times, with the dictionary, which the scan fills; the highest by the kernel (`VmHWM`).',
  },
  scanClear: {
    title: 'A `/clear` until it answers, no file changed',
    unit: 'ms',
    digits: 0,
    how: 'With `$cert_scan` it looks at all files first, for changes.',
  },
} satisfies Record<string, Figure>;

export type FigureName = keyof typeof FIGURES;
