import { mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { makeWorkDirectory } from '../support/nginx.js';
import { startClients } from './clients.js';
import { errorsOf } from './log.js';
import { LAYOUTS } from './layouts.js';
import { PERIODIC } from './scanning.js';
import { startSite } from './site.js';

const FOLDER = resolve(import.meta.dirname, '../../nginx/layouts');
const LINEAGE = 'lineage';
const ROTATIONS = 6;
const CLIENTS = 4;

/** The template of a layout's chains, with `*` for the name. */
function scanOf(file: string | undefined): string {
  if (!file) return '/etc/nginx/certs/*.cert.pem';
  const text = readFileSync(join(FOLDER, file), 'utf8');
  return /\$cert_file +"(.*)"/.exec(text)![1]!.replace('{name}', '*');
}

describe.each(LAYOUTS)('%s, named after nothing', async (_, { file, root, swap }) => {
  const directory = makeWorkDirectory();
  const folder = join(directory, root === '/etc/nginx/certs' ? 'certs' : 'client');
  mkdirSync(folder, { recursive: true });
  const site = await startSite({
    directory,
    admin: PERIODIC,
    mounts: file ? { '/etc/nginx/layouts': FOLDER, [root]: folder } : {},
    // So that also what is half-written is looked at.
    settings: { scan: scanOf(file), check_interval: '0.1' },
    http: file ? `include /etc/nginx/layouts/${file};` : '',
  });

  test('each name is served its last pair after a clear, and no handshake fails meanwhile', async () => {
    const names = ['a.example', 'b.example', '*.w.example'];
    const rotate = async (version: number): Promise<string> => {
      const pair = await site.authority.issue({ names });
      await swap(folder, LINEAGE, pair, version);
      await site.clear();
      return pair.serial;
    };
    await rotate(0);
    const clients = startClients(CLIENTS, () => async () => {
      await site.serial('b.example');
    });
    for (let version = 1; version <= ROTATIONS; version++) {
      const serial = await rotate(version);
      for (const name of ['a.example', 'b.example', 'x.w.example']) {
        expect(await site.serial(name), name).toBe(serial);
      }
    }
    expect(await clients.stop()).toBeGreaterThan(ROTATIONS);
    // What it refuses while it is written, and the folder that was not there when nginx started.
    const expected = / js: cert_rotation: (.*served|scan: \S+: No such file)/;
    expect(errorsOf(site).filter((line) => !expected.test(line))).toEqual([]);
  });
});
