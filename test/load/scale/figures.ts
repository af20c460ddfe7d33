import { CLEARS, MANY } from './costs.js';
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
    how: "A new chain and key are in place of one name's. Then: `SIGHUP` to nginx's master; or `POST /clear`; or a `PUT` of what is in the files; or `set ssl cert` and `commit ssl cert` of that on one connection to HAProxy's runtime API. Handshakes follow, one after the other, until one serves the new certificate; that one's time is included, at the client as well.",
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
    how: 'Free pages before and after the handshakes with all names, by `/metrics`.',
  },
} satisfies Record<string, Figure>;

export type FigureName = keyof typeof FIGURES;
