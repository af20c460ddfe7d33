import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';

import { covers } from '../../../src/x509/certificate.js';
import { readPair } from '../../../src/x509/pair.js';
import { type RefusalCode, isRefusal } from '../../../src/engine/refusal.js';
import { findKeyTraces } from '../../support/key_traces.js';
import { makeSamples, mutations } from '../../support/mutations.js';
import { ADMIN_SOCKET } from '../../support/nginx.js';
import { makePairCases, type PairCase, type Verdict } from '../../support/pairs/index.js';
import { startSite, type Site } from '../../support/site.js';

// nginx writes a `data:` value that OpenSSL refuses into its error log, private key and all. Here everything that the
// bundle has to refuse or to take is offered to a real nginx: what its OpenSSL makes of that, and what stands in the
// log then, shows nowhere else. MUTATIONS=10000 and SEED=n look further than a test run should.

const MUTATIONS = Number(process.env['MUTATIONS'] ?? 300);
const SEED = Number(process.env['SEED'] ?? 1);

const FALLBACK = 'fallback.example';
const COMBINED = { key_file: '/etc/nginx/certs/{name}.cert.pem' };
const DEBUG_LOG = join(dirname(ADMIN_SOCKET), 'debug.log');

/** How many handshakes are made at a time where their order does not matter. */
const AT_A_TIME = 8;

interface Offering extends Site {
  /** Puts a name's files in place; without a key, both files are the same. */
  write: (name: string, cert: string | Buffer, key?: string) => void;
  /** What the bundle has logged of a name since the last call for it, but for warnings. */
  news: (name: string) => string[];
  /** How often it has warned of a name before `news` was called last. */
  warnings: (name: string) => number;
  /** Expects that neither log holds anything of what was written, and that OpenSSL took what it got. */
  expectCleanLogs: () => void;
}

/** A site that logs at level `info`, and beside that at level `debug`. */
async function startOffering(settings: Record<string, string>): Promise<Offering> {
  const site = await startSite({
    settings: { fallback: FALLBACK, ...settings },
    zones: 'js_shared_dict_zone zone=certs:16m;',
    main: `error_log ${DEBUG_LOG} debug;`,
  });
  const { nginx } = site;
  const written: string[] = [];
  const readUpTo: Record<string, number> = {};
  const warned: Record<string, number> = {};

  const write: Offering['write'] = (name, cert, key) => {
    written.push(cert.toString(), key ?? '');
    writeFileSync(join(nginx.certsDirectory, `${name}.cert.pem`), cert);
    writeFileSync(join(nginx.certsDirectory, `${name}.key.pem`), key ?? cert);
  };
  const fallback = await site.authority.issue({ names: [FALLBACK] });
  write(FALLBACK, fallback.pairPem);
  site.serials[FALLBACK] = fallback.serial;

  return {
    ...site,
    write,
    news: (name) => {
      const log = nginx.log();
      const lines = log.slice(readUpTo[name] ?? 0).split('\n');
      readUpTo[name] = log.length;
      const own = lines.filter((line) => line.includes(`cert_rotation: ${name}: `));
      const others = own.filter((line) => !line.includes(' [warn] '));
      warned[name] = own.length - others.length;
      return others;
    },
    warnings: (name) => warned[name] ?? 0,
    expectCleanLogs: () => {
      const log = nginx.log();
      expect(findKeyTraces(log, written)).toEqual([]);
      expect(log).not.toMatch(/cannot load|data:/);
      const errors = log.split('\n').filter((line) => / \[(error|crit|alert|emerg)\] /.test(line));
      // Damage within a key or an extension shows only when they are used: no fault of loading the pair.
      const expected =
        / js: cert_rotation: | SSL_do_handshake\(\) failed | ignoring stale global SSL error /;
      expect(errors.filter((line) => !expected.test(line))).toEqual([]);

      const file = join(dirname(nginx.adminSocket), basename(DEBUG_LOG));
      const records = readFileSync(file, 'utf8').split(/^(?=\d{4}\/\d\d\/\d\d [\d:]{8} \[)/m);
      const others = records.filter((record) => !isDump(record));
      expect(findKeyTraces(others.join(''), written)).toEqual([]);
      // The search does find keys where there are some.
      const dumps = records.filter(isDump).join('');
      expect(dumps === '' || findKeyTraces(dumps, written).length > 0).toBe(true);
    },
  };
}

/**
 * Whether a log record is one of those in which nginx itself, where it is built `--with-debug`, writes down the values
 * of its variables and the keys of its cache at level `debug`, private keys too. No script can keep it from that.
 */
function isDump(record: string): boolean {
  const isOfCore =
    /^\S+ \S+ \[debug\] \S+ (\*\d+ )?(http script var|ssl cert|ssl key|\w+ cached ssl object): /;
  return isOfCore.test(record);
}

const cases = await makePairCases();

describe.each([
  { layout: 'two files', settings: {}, isCombined: false },
  { layout: 'one file', settings: COMBINED, isCombined: true },
])('a pair in $layout', async ({ settings, isCombined }) => {
  const site = await startOffering(settings);
  const held = await site.authority.issue({ names: ['*.a.example'] });
  const offers = cases
    .filter(({ key }) => (key === undefined) === isCombined)
    .map((offer, i) => ({ ...offer, offer, name: `case-${i}.a.example` }));

  /** Makes a handshake, and expects what the verdict on the name's newest files promises. */
  async function expectVerdict(
    { name, offer }: { name: string; offer: PairCase },
    verdict: Verdict,
    otherwise: string | undefined,
  ): Promise<void> {
    const serial = site.serial(name);
    if (verdict !== 'taken') expect(await serial).toBe(otherwise);
    else if (offer.failsToSign) await expect(serial).rejects.toThrow();
    else expect(await serial).toBe(new X509Certificate(offer.served!.chain).serialNumber);

    const lines = site.news(name);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(`/etc/nginx/certs/${name}.cert.pem`);
    if (verdict === 'taken') {
      expect(lines[0]).toContain(`${name}: loaded from `);
      const { warnings } = readPair(offer.cert, offer.key);
      expect(site.warnings(name)).toBe(warnings.length > 0 ? 1 : 0);
    } else {
      expect(site.warnings(name)).toBe(0);
      expect(lines[0]).toContain('[error]');
      expect(lines[0]).toContain(`${name}: ${verdict}: `);
      expect(lines[0]).toContain(offer.detail);
    }
  }

  test.each(offers)('$title: $disk', async (offered) => {
    site.write(offered.name, offered.cert, offered.key);
    await expectVerdict(offered, offered.disk, site.serials[FALLBACK]);
  });

  test.each(offers)('$title, in place of a valid one: $renewal', async (offered) => {
    const { name } = offered;
    site.write(name, held.pairPem);
    await site.clear(name);
    expect(await site.serial(name)).toBe(held.serial);
    site.news(name);

    site.write(name, offered.cert, offered.key);
    await site.clear(name);
    await expectVerdict(offered, offered.renewal, held.serial);
  });

  test('nothing of a key is in the log, at level info or from the bundle at level debug', () => {
    site.expectCleanLogs();
  });
});

describe('a file that is not all text', async () => {
  const site = await startOffering(COMBINED);
  const { pairPem } = await site.authority.issue({ names: ['*.a.example'] });
  const bytes = Buffer.from(pairPem.replace(/-----[^-]+-----|\n/g, ''), 'base64');

  test.each([
    ['DER', bytes],
    ['UTF-16', Buffer.from('\ufeff' + pairPem, 'utf16le')],
    [
      'PEM with a byte that is no text',
      Buffer.from(pairPem.slice(0, -40) + '\xff' + pairPem.slice(-40), 'latin1'),
    ],
  ])('%s: malformed', async (kind, file) => {
    const name = `${kind.replace(/ /g, '-').toLowerCase()}.a.example`;
    site.write(name, file);
    expect(await site.serial(name)).toBe(site.serials[FALLBACK]);
    const lines = site.news(name);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(`${name}: malformed: `);
  });

  test('nothing of a key is in the log', () => {
    site.expectCleanLogs();
  });
});

describe('damaged pairs', async () => {
  const site = await startOffering(COMBINED);

  test(`${MUTATIONS} mutations: what the bundle takes, nginx takes`, async () => {
    const offers = chooseMutations();
    for (const { name, text } of offers) site.write(name, text);
    for (let from = 0; from < offers.length; from += AT_A_TIME) {
      await Promise.all(
        offers.slice(from, from + AT_A_TIME).map(async ({ name, verdict, title }) => {
          const serial = await site.serial(name).catch(() => 'no handshake');
          const lines = site.news(name);
          expect(lines, title).toHaveLength(1);
          expect(lines[0], title).toContain(
            `${name}: ${verdict === 'taken' ? 'loaded from ' : `${verdict}: `}`,
          );
          // A damaged number in a key, and the like, shows only when the client verifies the signature.
          if (verdict === 'taken') expect(serial, title).not.toBe(site.serials[FALLBACK]);
          else expect(serial, title).toBe(site.serials[FALLBACK]);
        }),
      );
    }
  });

  test('nothing of a key is in the log, at level info or from the bundle at level debug', () => {
    site.expectCleanLogs();
  });
});

interface Damaged {
  name: string;
  text: string;
  title: string;
  verdict: Verdict;
}

/** As many damaged pairs that are taken, all with another content than the sound ones, as that are refused. */
function chooseMutations(): Damaged[] {
  const samples = makeSamples();
  const seen = new Set(samples.filter((text) => verdictOn(text) === 'taken').map(contentOf));
  const chosen: Damaged[] = [];
  const left = { taken: Math.ceil(MUTATIONS / 2), refused: Math.floor(MUTATIONS / 2) };
  const damaged = mutations(samples, SEED);
  while (left.taken + left.refused > 0) {
    const { text, title } = damaged.next().value;
    const name = `mutation-${chosen.length}.a.example`;
    const verdict = verdictOn(text);
    const kind = verdict === 'taken' ? 'taken' : 'refused';
    const content = verdict === 'taken' ? contentOf(text) : text;
    if (left[kind] === 0 || seen.has(content)) continue;
    seen.add(content);
    left[kind]--;
    chosen.push({ name, text, title, verdict });
  }
  return chosen;
}

function contentOf(text: string): string {
  const { chain, key } = readPair(text);
  return chain + key;
}

/** The verdict of the same code in this engine. */
function verdictOn(text: string): Verdict {
  try {
    const { keyProven, leaf } = readPair(text);
    if (!keyProven) return 'unsupported-key';
    return covers(leaf, 'any.a.example') ? 'taken' : 'name-not-covered';
  } catch (e) {
    if (isRefusal(e)) return e.code as RefusalCode;
    throw e;
  }
}
