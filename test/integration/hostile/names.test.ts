import { randomBytes } from 'node:crypto';
import type { NetConnectOpts } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { sendClientHello, type Answer, type ClientHello } from '../../support/client_hello.js';
import { CannotWatch, watchFiles } from '../../support/file_watch.js';
import { hostileNames, MARK } from '../../support/hostile_names.js';
import { send } from '../../support/http.js';
import { startSite, type Site, type SiteOptions } from '../../support/site.js';

const OWNED = ['a.example', 'k.example', 'own.w.example', 'xn--bcher-kva.example', '0'];
const WILDCARD = '*.w.example';
const FALLBACK = 'fallback.example';
const NAMES = [...OWNED, WILDCARD, FALLBACK];

const CONCURRENCY = 32;

/** AlertDescriptions of RFC 8446, 6: for what OpenSSL itself refuses as a HostName, and where nginx has no certificate. */
const UNRECOGNIZED_NAME = 112;
const INTERNAL_ERROR = 80;

const REPORT = `
function report(r) {
  var zone = ngx.shared[r.args.name];
  r.return(200, JSON.stringify({ freeSpace: zone.freeSpace(), records: zone.items() }));
}
export default { report };`;

/** What one of nginx's shared dictionaries holds. */
interface ZoneReport {
  /** In pages of which nothing is used, in bytes. */
  freeSpace: number;
  /** Keys and values, by key. */
  records: [string, string][];
}

/** A site that looks at no file twice: there is no reason to write to the zone but a new name. */
async function startReportingSite(options: SiteOptions): Promise<Site> {
  return startSite({
    names: NAMES,
    ...options,
    settings: { check_interval: '0', ...options.settings },
    modules: { zone: REPORT },
    http: 'server { listen unix:/run/nginx/zone.sock; location / { js_content zone.report; } }',
  });
}

async function zoneReport(site: Site, name: string): Promise<ZoneReport> {
  const socketPath = join(dirname(site.nginx.adminSocket), 'zone.sock');
  const { body } = await send({ socketPath }, `/?name=${name}`);
  const { freeSpace, records } = JSON.parse(body) as ZoneReport;
  return { freeSpace, records: records.sort(([a], [b]) => (a < b ? -1 : 1)) };
}

/** Checks that each name is served its own certificate, which puts it into the zone. */
async function askForAll(site: Site): Promise<void> {
  for (const name of NAMES) {
    expect(await site.serial(name.replace('*', 'x'))).toBe(site.serials[name]);
  }
}

/** Sends a ClientHello for each name, some at a time, and returns what each was answered. */
async function answersTo(
  address: NetConnectOpts,
  version: ClientHello['version'],
  names: Buffer[],
): Promise<Answer[]> {
  const answers: Answer[] = [];
  const rest = names.entries();
  const client = async (): Promise<void> => {
    for (const [i, serverName] of rest) {
      answers[i] = await sendClientHello(address, { version, serverName });
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, client));
  return answers;
}

/** The name whose certificate is to be served; undefined where OpenSSL refuses the HostName before nginx is asked. */
function nameFor(hostName: Buffer): string | undefined {
  if (hostName.length > 255 || hostName.includes(0)) return undefined;
  const text = hostName.toString('latin1').replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  const name = text.endsWith('.') ? text.slice(0, -1) : text;
  if (OWNED.includes(name)) return name;
  return name.length <= 253 && /^[a-z0-9_-]+\.w\.example$/.test(name) ? WILDCARD : FALLBACK;
}

/** Whether a path is what the default templates make of a name that a client may ask for, or of a wildcard. */
function isOfTemplates(path: string): boolean {
  const name = /^\/etc\/nginx\/certs\/([a-z0-9_-]+(?:\.[a-z0-9_-]+)*)\.(?:cert|key)\.pem$/.exec(
    path,
  );
  return name?.[1] !== undefined && name[1].length <= 253;
}

/** Lines that are not nginx's own shape, or hold anything but ASCII, or are of a level above `info`. */
function conspicuousLines(log: string): string[] {
  const quiet = /^\d{4}(\/\d\d){2} \d\d(:\d\d){2} \[(info|notice)\] \d+#\d+: [ -~]+$/;
  return log.split('\n').filter((line) => line !== '' && !quiet.test(line));
}

describe('a hostile server name', async () => {
  const site = await startReportingSite({ settings: { fallback: FALLBACK } });
  // A clear gives the zone a key of another kind to ask for.
  await site.clear();
  const watch = await watchFiles(site.nginx).catch((error: unknown) => {
    if (error instanceof CannotWatch) return error;
    throw error;
  });
  await askForAll(site);
  const before = await zoneReport(site, 'certs');
  const names = hostileNames('a.example', 'w.example');
  const inTls12 = await answersTo(site.nginx.tls, 'TLSv1.2', names);
  // A worker that is watched is many times slower: once through is enough.
  const paths = watch instanceof CannotWatch ? watch : await watch.stop();
  const inTls13 = await answersTo(site.nginx.tls, 'TLSv1.3', names);
  const answers = { 'TLSv1.2': inTls12, 'TLSv1.3': inTls13 };

  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'is served the certificate of the name it spells, or the fallback: %s',
    (version) => {
      const expected = (serverName: Buffer): Answer => {
        const name = nameFor(serverName);
        if (name === undefined) return { kind: 'alert', description: UNRECOGNIZED_NAME };
        if (version === 'TLSv1.3') return { kind: 'hello' };
        return { kind: 'certificate', serial: site.serials[name]! };
      };
      const results = names.map((name, i) => ({
        name: name.toString('latin1'),
        expected: expected(name),
        answer: answers[version][i],
      }));
      const wrong = results.filter(
        (one) => JSON.stringify(one.answer) !== JSON.stringify(one.expected),
      );
      expect(wrong).toEqual([]);
    },
  );

  test('leads to no file but those of the templates', ({ skip }) => {
    if (paths instanceof CannotWatch) {
      console.warn(`Skipped, as nginx cannot be watched here: ${paths.message}`);
      return skip(paths.message);
    }
    // What was looked for is seen: names that have files, and one that has none.
    for (const label of [...NAMES, 'constructor']) {
      const path = `/etc/nginx/certs/${label.replace('*', '_')}`;
      expect(paths).toEqual(expect.arrayContaining([`${path}.cert.pem`, `${path}.key.pem`]));
    }
    expect(paths.filter((path) => !isOfTemplates(path))).toEqual([]);
  });

  test('leaves the zone as it was', async () => {
    expect(await zoneReport(site, 'certs')).toEqual(before);
  });

  test('is in no line of the log, and breaks none', () => {
    const log = site.nginx.log();
    expect(conspicuousLines(log)).toEqual([]);
    expect(log).not.toContain(MARK);
    const lines = log.split('\n').filter((line) => line.includes('cert_rotation'));
    for (const name of NAMES) {
      expect(lines).toContainEqual(expect.stringContaining(`cert_rotation: ${name}: loaded from `));
    }
    expect(lines).toHaveLength(NAMES.length);
  });
});

describe.each([
  ['no zone', ''],
  ['a zone', 'js_shared_dict_zone zone=certs_misses:128k timeout=60s evict;'],
])('20,000 names that nobody owns, with %s for negative answers', async (_, misses) => {
  const site = await startReportingSite({ zones: `js_shared_dict_zone zone=certs:1m; ${misses}` });
  await askForAll(site);
  const before = await zoneReport(site, 'certs');
  const names = Array.from({ length: 20_000 }, randomName);
  const answers = await answersTo({ path: site.tlsSocket }, 'TLSv1.3', names);

  test('are served nothing', () => {
    const refused = JSON.stringify({ kind: 'alert', description: INTERNAL_ERROR });
    expect(answers).toHaveLength(names.length);
    expect(answers.filter((answer) => JSON.stringify(answer) !== refused)).toEqual([]);
  });

  test('leave the records of the others in place, and the free space as it was', async () => {
    expect(await zoneReport(site, 'certs')).toEqual(before);
    for (const name of NAMES) site.remove(name);
    await askForAll(site);
  });

  test('log nothing but what nginx says where it has no certificate', () => {
    const lines = conspicuousLines(site.nginx.log()).filter(
      // The handlers return "data:", which this site's directives have in front as well.
      (line) => !/\[error\].* cannot load certificate "data:data:": /.test(line),
    );
    expect(lines).toEqual([]);
  });
});

/** A name as others look, of three or four labels. */
function randomName(): Buffer {
  const label = randomBytes(6).toString('hex');
  return Buffer.from(`${label}.${label.slice(0, 4)}.${label.slice(-1) > '7' ? 'org.' : ''}example`);
}
