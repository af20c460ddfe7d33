import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createLeaves } from '../../load/scale/leaves.js';
import { sampleOf } from '../../load/scale/names.js';
import { makeWorkDirectory } from '../../support/nginx.js';
import { errorsOf, expectNoKey } from '../../support/log.js';
import { startFolder } from '../../support/scanning.js';

/** More than fit into one slice of a scan. */
const NAMES = 300;
/** How long what nobody has announced may take to be served, in milliseconds. */
const PATIENCE_MS = 15_000;

const STREAM = {
  block: 'stream',
  zones: `js_shared_dict_zone zone=certs_stream:4m;
    js_shared_dict_zone zone=certs_stream_misses:128k timeout=60s evict;`,
  admin: '',
  server: 'js_periodic certs.scan interval=500ms;',
} as const;

describe('names come from the certificates in stream', async () => {
  const directory = makeWorkDirectory();
  const leaves = await createLeaves('ec');
  const serials = new Map<string, string>();
  for (const name of sampleOf(NAMES, NAMES)) {
    const { chainPem, keyPem, serial } = leaves.issue(name);
    writeFileSync(join(directory, 'certs', `file-${name}.crt`), chainPem);
    writeFileSync(join(directory, 'certs', `file-${name}.key.pem`), keyPem);
    serials.set(name, serial);
  }
  const { site, write, remove, pairs } = await startFolder({ ...STREAM, directory });
  const served = (name: string): Promise<string> => site.serial(name).catch(() => 'none');

  test('all are found when nginx starts, without a clear', async () => {
    for (const name of sampleOf(NAMES, 20)) {
      await expect
        .poll(() => served(name), { timeout: PATIENCE_MS, message: name })
        .toBe(serials.get(name));
    }
  });

  test('each DNS name of a new certificate is served it, once a clear has answered', async () => {
    const { serial } = await write('one', ['a.one.example', '*.w.one.example']);
    await site.clear();
    for (const name of ['a.one.example', 'x.w.one.example']) {
      expect(await site.serial(name), name).toBe(serial);
    }
  });

  test('when a certificate is replaced, or gone, the index follows', async () => {
    await write('two', ['goes.two.example', 'stays.two.example']);
    await site.clear();
    const { serial } = await write('two', ['stays.two.example']);
    await site.clear('stays.two.example');
    expect(await site.serial('stays.two.example')).toBe(serial);
    expect(await served('goes.two.example')).toBe('none');
    remove('two');
    await site.clear();
    expect(await served('stays.two.example')).toBe('none');
  });

  test('nothing is an error, and no key is in the log', () => {
    expect(errorsOf(site).filter((line) => !line.includes('cannot load certificate'))).toEqual([]);
    expectNoKey(site, pairs);
  });
});

test('in stream what is new is found without a clear, also after a reload and by new workers', async () => {
  const { site, write } = await startFolder({ ...STREAM, settings: { check_interval: '0.5' } });
  const next = async (names: string[]): Promise<void> => {
    const { serial } = await write('one', names);
    await expect
      .poll(() => site.serial('b.example').catch(() => 'none'), { timeout: PATIENCE_MS })
      .toBe(serial);
  };
  await next(['a.example', 'b.example']);
  await next(['b.example']);
  await expect(site.serial('a.example')).rejects.toThrow();
  await site.nginx.reload();
  await next(['b.example']);
  for (const worker of (await site.nginx.processes()).workers) {
    await site.nginx.kill('SIGKILL', worker);
  }
  await next(['b.example']);
});
