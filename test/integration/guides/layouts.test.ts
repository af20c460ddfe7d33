import { mkdirSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { makeWorkDirectory } from '../../support/nginx.js';
import { startClients } from '../../support/image_clients.js';
import { labelIn, LAYOUTS } from '../../support/layouts.js';
import { startSite } from '../../support/site.js';

// Runs on njs: paths of files are what is tested, whatever engine nginx has.

const FOLDER = resolve(import.meta.dirname, '../../../nginx/layouts');
const CLEARED = 'cleared.example';
const WATCHED = 'watched.example';
const CLIENTS = 8;
const ROTATIONS = 6;
const INTERVAL_S = 0.1;
/** How long a pair may take to be served that was not announced, in milliseconds. */
const PATIENCE_MS = 10_000;

test('each file of nginx/layouts is a layout of these tests', () => {
  const tested = LAYOUTS.flatMap(([, { file }]) => file ?? []);
  expect(tested.sort()).toEqual(readdirSync(FOLDER).sort());
});

describe.each(LAYOUTS)('%s, under clients without pause', async (_, layout) => {
  const { file } = layout;
  const directory = makeWorkDirectory();
  const root = join(directory, layout.root === '/etc/nginx/certs' ? 'certs' : 'client');
  mkdirSync(root, { recursive: true });
  const site = await startSite({
    directory,
    variables: 'two',
    store: true,
    mounts: file ? { '/etc/nginx/layouts': FOLDER, [layout.root]: root } : {},
    http: `
      ${file ? `include /etc/nginx/layouts/${file};` : ''}
      map $ssl_server_name $cert_check_interval { ${WATCHED} ${INTERVAL_S}; default 0; }`,
  });

  /** @returns the serial numbers of what was put in place, and what puts the next pair in place */
  function rotating(name: string) {
    const versions: string[] = [];
    async function rotate(): Promise<void> {
      const pair = await site.authority.issue({ names: [name] });
      await layout.swap(root, labelIn(layout, name), pair, versions.push(pair.serial) - 1);
    }
    return { versions, rotate };
  }

  /** Puts the first pair in place, and starts clients that take no version lower than one seen or cleared before. */
  async function start(name: string) {
    const { versions, rotate } = rotating(name);
    let cleared = 0;
    await rotate();
    expect(await site.serial(name)).toBe(versions[0]);
    const clients = startClients(CLIENTS, () => {
      let seen = 0;
      return async () => {
        const atLeast = Math.max(seen, cleared);
        seen = versions.indexOf(await site.serial(name));
        expect(seen).toBeGreaterThanOrEqual(atLeast);
      };
    });
    return {
      rotate,
      clients,
      latest: () => versions.at(-1),
      clear: async (asked?: string) => {
        await site.clear(asked);
        cleared = versions.length - 1;
      },
    };
  }

  test('with a clear after each swap, that pair is served at once, and no handshake fails', async () => {
    const { rotate, clients, latest, clear } = await start(CLEARED);
    for (let rotation = 1; rotation <= ROTATIONS; rotation++) {
      await rotate();
      await clear(rotation % 2 ? undefined : CLEARED);
      expect(await site.serial(CLEARED)).toBe(latest());
    }
    expect(await clients.stop()).toBeGreaterThan(ROTATIONS);
  });

  test('with the check interval alone, no handshake fails, and the last pair comes to be served', async () => {
    const { rotate, clients, latest } = await start(WATCHED);
    for (let rotation = 1; rotation <= ROTATIONS; rotation++) {
      await rotate();
      // Not in step with the looks, which so find every state of a swap.
      await sleep(Math.random() * INTERVAL_S * 1000);
    }
    await expect
      .poll(() => site.serial(WATCHED), { timeout: PATIENCE_MS, interval: 50 })
      .toBe(latest());
    expect(await clients.stop()).toBeGreaterThan(ROTATIONS);
  });

  test("a wildcard's pair is found and replaced", async () => {
    const { versions, rotate } = rotating('*.wild.example');
    for (let round = 0; round < 2; round++) {
      await rotate();
      await site.clear();
      expect(await site.serial('a.wild.example')).toBe(versions[round]);
    }
  });

  test('nginx warns of nothing, and no key stands in the log', () => {
    expect(site.nginx.log()).not.toMatch(/\[(warn|error|crit|alert|emerg)\] \d+#\d+: (?!.*js: )/);
    expect(site.nginx.log()).not.toContain('-----BEGIN');
  });
});
