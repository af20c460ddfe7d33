import { mkdirSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { scrape } from '../../support/metrics.js';
import { readDescription } from '../../support/openapi.js';
import { errorsOf, expectNoKey } from '../../support/log.js';
import { startFolder } from '../../support/scanning.js';

const description = readDescription(
  new URL('../../../nginx/openapi.yaml', import.meta.url).pathname,
);

interface FilePage {
  files: { file: string; names: string[]; state: string; error: string | null }[];
  next: string | null;
}

describe('what a scan has found', async () => {
  const { site, write, path } = await startFolder();
  const get = async <T>(query: string): Promise<T> => {
    const answer = await site.nginx.admin(`/certs/${query}`);
    expect(answer.status).toBe(200);
    if (!query || query.startsWith('?')) description.check('/certs/', 'get', answer);
    return JSON.parse(answer.body) as T;
  };
  const past = { notBefore: new Date(Date.now() - 9e8), notAfter: new Date(Date.now() - 1e8) };
  const a = await write('a', ['b.example', 'a.example', '*.a.example']);
  await write('broken', ['broken.example']);
  writeFileSync(path('broken.key.pem'), a.keyPem);
  await write('expired', ['expired.example'], past);
  const good = await write('last', ['last.example']);
  await site.clear();
  writeFileSync(path('last.crt'), 'no certificate');
  mkdirSync(path('odd "name"\\.crt'));
  await site.clear();

  test('is listed by name, with the file', async () => {
    const { certs } = await get<{ certs: Record<string, unknown>[] }>('');
    expect(certs.map(({ name, file, source, state }) => [name, file, source, state])).toEqual([
      ...['*.a.example', 'a.example', 'b.example'].map((name) => [
        ...[name, '/etc/nginx/certs/a.crt', 'disk', 'ok'],
      ]),
      ['expired.example', '/etc/nginx/certs/expired.crt', 'disk', 'expired'],
      ['last.example', '/etc/nginx/certs/last.crt', 'disk', 'last-good'],
    ]);
    expect(await get('last.example')).toMatchObject({
      serial: good.serial,
      error: expect.stringMatching(/^malformed: /) as unknown,
    });
  });

  test('is listed by file, refused or not, with the reason', async () => {
    const { files, next } = await get<FilePage>('?files');
    expect(next).toBeNull();
    expect(files.map(({ file, names, state }) => [file, names, state])).toEqual([
      ['/etc/nginx/certs/a.crt', ['b.example', 'a.example', '*.a.example'], 'ok'],
      ['/etc/nginx/certs/broken.crt', [], 'refused'],
      ['/etc/nginx/certs/expired.crt', ['expired.example'], 'expired'],
      ['/etc/nginx/certs/last.crt', ['last.example'], 'last-good'],
      ['/etc/nginx/certs/odd "name"\\.crt', [], 'refused'],
    ]);
    expect(files.map(({ error }) => error)).toEqual([
      null,
      expect.stringMatching(/^key-mismatch: /),
      null,
      expect.stringMatching(/^malformed: /),
      expect.stringMatching(/^unreadable: .*not a regular file/),
    ]);
  });

  test('is listed by file in pages', async () => {
    const seen: string[] = [];
    for (let after: string | null = ''; after !== null;) {
      const query: string = `?files&limit=2&after=${encodeURIComponent(after)}`;
      const { files, next }: FilePage = await get(query);
      expect(files.length).toBeLessThanOrEqual(2);
      seen.push(...files.map(({ file }) => file));
      after = next;
    }
    expect(seen).toHaveLength(5);
    expect(new Set(seen).size).toBe(5);
  });

  test('is counted', async () => {
    const samples = await scrape(site.nginx);
    const of = (pattern: RegExp): Record<string, number> =>
      Object.fromEntries(
        Object.entries(samples)
          .filter(([series]) => pattern.test(series))
          .map(([series, value]) => [series.replace('cert_rotation_', ''), value]),
      );
    expect(of(/_(names|files)\{/)).toEqual({
      'names{state="ok"}': 3,
      'names{state="last-good"}': 1,
      'names{state="expired"}': 1,
      'names{state="refused"}': 0,
      'files{state="ok"}': 1,
      'files{state="last-good"}': 1,
      'files{state="expired"}': 1,
      'files{state="refused"}': 2,
    });
    expect(of(/_problem\{/)).toEqual({
      'certificate_problem{name="last.example",code="malformed",held="yes"}': 1,
      'file_problem{file="/etc/nginx/certs/broken.crt",code="key-mismatch",held="no"}': 1,
      'file_problem{file="/etc/nginx/certs/last.crt",code="malformed",held="yes"}': 1,
      'file_problem{file="/etc/nginx/certs/odd \\"name\\"\\\\.crt",code="unreadable",held="no"}': 1,
    });
    expect(Object.keys(of(/not_after_seconds/)).sort()).toEqual(
      ['*.a.example', 'a.example', 'b.example', 'expired.example', 'last.example'].map(
        (name) => `certificate_not_after_seconds{name="${name}"}`,
      ),
    );
    expect(of(/_scan_(pending|failed)$/)).toEqual({ scan_pending: 0, scan_failed: 0 });
    const age = Date.now() / 1000 - samples['cert_rotation_scan_began_seconds']!;
    expect(age).toBeGreaterThanOrEqual(0);
    expect(age).toBeLessThan(60);
  });
});

describe('in a zone without room for all', async () => {
  const { site, write, pairs } = await startFolder({
    zones: 'js_shared_dict_zone zone=certs:512k;',
  });
  await write('short', ['short.example']);
  const serials: string[] = [];
  /** Writes more files. All have a key of their own, and are as long as those of public authorities. */
  async function grow(to: number): Promise<void> {
    while (serials.length < to) {
      const i = serials.length;
      const { serial } = await write(`file${i}`, [`n${i}.example`], { padding: 1400 });
      serials.push(serial);
    }
    await site.clear();
  }
  const complaints = (): string[] => errorsOf(site).filter((line) => line.includes('no room'));

  test('all are served, from disk where they are not held', async () => {
    const states = async (): Promise<string[]> => {
      const { body } = await site.nginx.admin('/certs/?files&limit=1000');
      return (JSON.parse(body) as FilePage).files.map(({ state }) => state);
    };
    while (!(await states()).includes('not-held') && serials.length < 130) {
      await grow(serials.length + 10);
    }
    for (const [i, serial] of serials.entries()) {
      expect(await site.serial(`n${i}.example`), `n${i}`).toBe(serial);
    }
    expect(new Set(await states())).toEqual(new Set(['ok', 'not-held']));
    expect((await scrape(site.nginx))['cert_rotation_files{state="ok"}']).toBe(serials.length + 1);
    expect(complaints()).toEqual([]);
  });

  test('the log says once where there is no room for names, and those that are held are served', async () => {
    await grow(200);
    await site.clear();
    expect(complaints()).toHaveLength(1);
    expect((await scrape(site.nginx))['cert_rotation_scan_failed']).toBe(1);
    for (const i of [0, 1, 2]) expect(await site.serial(`n${i}.example`)).toBe(serials[i]);
  });

  test('no key is in the log', () => {
    expectNoKey(site, pairs);
  });
});
