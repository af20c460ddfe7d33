import { chmodSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { currentRuntime } from '../../setup/runtimes.js';
import { makeWorkDirectory } from '../../support/nginx.js';
import { startPutSite } from '../../support/putting.js';

const PATIENCE_MS = 10_000;

// njs has it from 0.9.1 on, which came after the nginx that has this.
const hasState = currentRuntime().certificateCache;

describe.skipIf(!hasState)("a zone with a file of nginx's own", () => {
  test('brings back what was put, after the end of nginx, and is to be hidden', async () => {
    const directory = makeWorkDirectory();
    const folder = join(directory, 'certs/state');
    mkdirSync(folder);
    chmodSync(folder, 0o777);
    const options = {
      directory,
      zones: 'js_shared_dict_zone zone=certs:1m state=/etc/nginx/certs/state/certs.json;',
    };
    const site = await startPutSite(options);
    const pair = await site.authority.issue({ names: ['a.example'] });
    expect((await site.put('a.example', pair.pairPem)).status).toBe(201);

    const file = join(folder, 'certs.json');
    const saved = (): string => {
      try {
        return readFileSync(file, 'utf8');
      } catch {
        return '';
      }
    };
    const end = Date.now() + PATIENCE_MS;
    while (!saved().includes('a.example') && Date.now() < end) await sleep(50);
    expect(saved()).toContain('-----BEGIN EC PRIVATE KEY-----');
    expect(statSync(file).mode & 0o777).toBe(0o644);

    await site.nginx.stop();
    const again = await startPutSite(options);
    expect(await again.serial('a.example')).toBe(pair.serial);
    await again.clear();
    expect(await again.serial('a.example')).toBe(pair.serial);
  });
});
