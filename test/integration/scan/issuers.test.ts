import { rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { CannotWatch, watchFiles } from '../../support/file_watch.js';
import { growth, scrape } from '../../support/metrics.js';
import { errorsOf } from '../../support/log.js';
import { startFolder } from '../../support/scanning.js';

/** After so many milliseconds time stamps tell two writes apart. */
const SETTLED_MS = 2500;

interface FilePage {
  files: { file: string; state: string; error: string | null }[];
}

describe("an authority's certificate without a key, beside those of servers", async () => {
  const { site, write, path } = await startFolder();
  const { rootPem } = site.authority;
  const served = await write('www', ['www.example']);
  writeFileSync(path('www.issuer.crt'), rootPem);
  const list = async (): Promise<[file: string, state: string][]> => {
    const { body } = await site.nginx.admin('/certs/?files');
    return (JSON.parse(body) as FilePage).files.map(({ file, state }) => [file, state]);
  };

  test('is neither listed, nor counted, nor logged', async () => {
    const before = await scrape(site.nginx);
    await site.clear();
    const after = await scrape(site.nginx);
    expect(await site.serial('www.example')).toBe(served.serial);
    expect(await list()).toEqual([['/etc/nginx/certs/www.crt', 'ok']]);
    expect(growth(before, after)['refusals_total{via="disk",code="unreadable"}']).toBeUndefined();
    expect(after['cert_rotation_files{state="refused"}']).toBe(0);
    expect(after['cert_rotation_scan_pending']).toBe(0);
    expect(site.nginx.log()).not.toContain('issuer');
  });

  test('is read when it has changed, and then no more', async ({ skip }) => {
    await sleep(SETTLED_MS);
    await site.clear();
    const watch = await watchFiles(site.nginx).catch((error: unknown) => {
      if (error instanceof CannotWatch) return skip(error.message);
      throw error;
    });
    const times = (): number =>
      watch.paths().filter((file) => file === '/etc/nginx/certs/www.issuer.crt').length;
    await site.clear();
    await expect.poll(times).toBeGreaterThan(0);
    const unchanged = times();
    writeFileSync(path('www.issuer.crt'), rootPem);
    await site.clear();
    await expect.poll(() => times() - unchanged).toBeGreaterThan(unchanged);
    await watch.stop();
  });

  test('is reported where it has a key, and as soon as it is broken', async () => {
    writeFileSync(path('www.issuer.key.pem'), served.keyPem);
    await site.clear();
    expect(await list()).toContainEqual(['/etc/nginx/certs/www.issuer.crt', 'refused']);
    expect(errorsOf(site).at(-1)).toContain('/www.issuer.crt: key-mismatch: ');
    rmSync(path('www.issuer.key.pem'));
    await site.clear();
    expect(await list()).toEqual([['/etc/nginx/certs/www.crt', 'ok']]);
    writeFileSync(path('www.issuer.crt'), 'no certificate');
    await site.clear();
    expect(errorsOf(site).at(-1)).toContain('/www.issuer.crt: malformed: ');
    rmSync(path('www.issuer.crt'));
    await site.clear();
    expect(await list()).toEqual([['/etc/nginx/certs/www.crt', 'ok']]);
  });

  test('gives way to a certificate of a server, which stays where it was', async () => {
    writeFileSync(path('turned.crt'), rootPem);
    await site.clear();
    const { serial } = await write('turned', ['turned.example']);
    await site.clear();
    expect(await site.serial('turned.example')).toBe(serial);
    writeFileSync(path('turned.crt'), rootPem);
    rmSync(path('turned.key.pem'));
    await site.clear();
    expect(await site.serial('turned.example')).toBe(serial);
    expect(errorsOf(site).at(-1)).toContain('the pair held before is still served');
  });

  test('a certificate of a server without a key is reported once, and served once the key comes', async () => {
    const { keyPem, serial } = await write('keyless', ['keyless.example']);
    rmSync(path('keyless.key.pem'));
    await site.clear();
    await site.clear();
    const lines = errorsOf(site).filter((line) => line.includes('/keyless.crt: '));
    expect(lines).toEqual([expect.stringContaining('.crt: unreadable: ')]);
    writeFileSync(path('keyless.key.pem'), keyPem);
    await site.clear();
    expect(await site.serial('keyless.example')).toBe(serial);
  });
});
