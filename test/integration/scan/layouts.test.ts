import { mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { makeWorkDirectory } from '../../support/nginx.js';
import { startClients } from '../../support/image_clients.js';
import { errorsOf } from '../../support/log.js';
import { LAYOUTS, type Layout } from '../../support/layouts.js';
import { PERIODIC } from '../../support/scanning.js';
import { startSite } from '../../support/site.js';

const FOLDER = resolve(import.meta.dirname, '../../../nginx/layouts');
const LINEAGE = 'lineage';
const ROTATIONS = 6;
const CLIENTS = 4;

/** Where a layout's chains are found. */
function settingsOf({ file }: Layout): Record<string, string> {
  if (!file) return { scan: '/etc/nginx/certs/*.cert.pem' };
  const text = readFileSync(join(FOLDER, file), 'utf8');
  return { scan: /\$cert_file +"(.*)"/.exec(text)![1]!.replace('{name}', '*') };
}

const lego = LAYOUTS.find(([, { file }]) => file === 'lego.conf')![1];

const SCANNED: [string, Layout, Record<string, string>][] = [
  ...LAYOUTS.map(([title, layout]): [string, Layout, Record<string, string>] => [
    title,
    layout,
    settingsOf(layout),
  ]),
  [
    "lego's combined files",
    lego,
    {
      scan: '/var/lib/lego/certificates/*.pem',
      key_file: '/var/lib/lego/certificates/{name}.pem',
    },
  ],
];

describe.each(SCANNED)('%s, named after nothing', async (_, { file, root, swap }, settings) => {
  const directory = makeWorkDirectory();
  const folder = join(directory, root === '/etc/nginx/certs' ? 'certs' : 'client');
  mkdirSync(folder, { recursive: true });
  const site = await startSite({
    directory,
    admin: PERIODIC,
    mounts: file ? { '/etc/nginx/layouts': FOLDER, [root]: folder } : {},
    // So that also what is half-written is looked at.
    settings: { ...settings, check_interval: '0.1' },
    // js_var has the value that is written last.
    http: file && !settings['key_file'] ? `include /etc/nginx/layouts/${file};` : '',
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
    // Also where there is more than servers' certificates in the folder.
    const { body } = await site.nginx.admin('/certs/?files');
    const { files } = JSON.parse(body) as { files: { names: string[]; state: string }[] };
    expect(files).toEqual([expect.objectContaining({ names, state: 'ok' })]);
    // What it refuses while it is written, and the folder that was not there when nginx started.
    const expected = / js: cert_rotation: (.*served|scan: \S+: No such file)/;
    expect(errorsOf(site).filter((line) => !expected.test(line))).toEqual([]);
  });
});
