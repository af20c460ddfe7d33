import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Pair } from '../../support/certificates.js';
import { makeWorkDirectory } from '../../support/nginx.js';
import { killedAt, traced } from '../../support/killed_at.js';
import { whyNotTraced } from '../../support/strace.js';
import { startPutSite } from '../../support/putting.js';
import type { SiteOptions } from '../../support/site.js';

const FALLBACK = 'fallback.example';
const OPTIONS = {
  workers: 1,
  logLevel: 'notice',
  names: [FALLBACK],
  // Within it nobody looks at the files: what a killed worker left is there for the next nginx to find.
  settings: { persist: 'on', fallback: FALLBACK, check_interval: '3600' },
} satisfies SiteOptions;

describe('a worker that is killed at any step', async () => {
  const directory = makeWorkDirectory();
  const certs = join(directory, 'certs');
  chmodSync(certs, 0o777);
  const site = await startPutSite({ ...OPTIONS, directory });
  const fallback = site.serials[FALLBACK]!;
  const reason = await whyNotTraced(site.nginx);
  const pairs = [0, 1, 2].map(() => site.authority.issue({ names: ['*.k.example'] }));
  const [old, next, last] = (await Promise.all(pairs)) as [Pair, Pair, Pair];

  /** Names by what was going on when the worker was killed, one for each step. */
  const killed: Record<string, string[]> = {};

  /** Does something to a name, and to others with the worker killed at one step of it after the other. */
  async function killAtEachStep(
    kind: string,
    prepare: (name: string) => Promise<unknown>,
    act: (name: string) => Promise<unknown>,
  ): Promise<string[]> {
    const model = `${kind}.k.example`;
    await prepare(model);
    const calls = await traced(site.nginx, `/${model}.`, () => act(model));
    const names = calls.map((_, i) => `${kind}-${i}.k.example`);
    for (const [i, call] of calls.entries()) {
      const name = names[i]!;
      await prepare(name);
      // A worker that answers is through with what it does first.
      await site.serial(FALLBACK);
      const last = await killedAt(site.nginx, call, () => act(name));
      expect(last).toEqual({ ...call, path: call.path.replace(model, name) });
    }
    killed[kind] = names;
    return names;
  }

  describe.skipIf(reason)(reason ? `unseen: ${reason}` : 'seen by strace', () => {
    test('of a put leaves the name with the pair that is in the zone', async () => {
      const names = await killAtEachStep(
        'put',
        (name) => site.put(name, old.pairPem),
        (name) => site.put(name, next.pairPem),
      );
      // Three files are written, five times one is renamed, and three are removed.
      expect(names).toHaveLength(14);
      for (const [i, name] of names.entries()) {
        expect(await site.serial(name), name).toBe(i < 11 ? old.serial : next.serial);
      }
    });

    test('of the first put of a name leaves the name to the next in the order', async () => {
      const names = await killAtEachStep(
        'first',
        () => Promise.resolve(),
        (name) => site.put(name, next.pairPem),
      );
      expect(names).toHaveLength(10);
    });

    test('of a delete leaves the name with the pair that is in the zone', async () => {
      const names = await killAtEachStep(
        'delete',
        (name) => site.put(name, old.pairPem),
        (name) => site.delete(name),
      );
      expect(names).toHaveLength(4);
      for (const name of names) expect(await site.serial(name), name).toBe(old.serial);
    });

    test('of a recovery leaves the staged pair', async () => {
      // As a put leaves it that is killed between the two files.
      const left = {
        'key.pem.put-staged': next.pairPem,
        'key.pem': next.keyPem,
        'key.pem.put-old': old.keyPem,
        'cert.pem.put-new': next.chainPem,
        'cert.pem': old.chainPem,
      };
      const names = await killAtEachStep(
        'recovery',
        (name) => {
          for (const [file, text] of Object.entries(left)) {
            writeFileSync(join(certs, `${name}.${file}`), text);
          }
          return Promise.resolve();
        },
        (name) => site.serial(name),
      );
      expect(names).toHaveLength(9);
      for (const name of names) expect(await site.serial(name), name).toBe(next.serial);
    });

    test('has lost nothing when nginx is started again, and left nothing lying about', async () => {
      await site.nginx.stop();
      const again = await startPutSite({ ...OPTIONS, names: [], directory });
      const served: Record<string, string[]> = {};
      for (const [kind, names] of Object.entries(killed)) {
        served[kind] = [];
        for (const name of names) served[kind].push(await again.serial(name));
      }
      const { put, first, delete: deleted, recovery } = served;
      // From the rename of the staged pair on it is the new one.
      expect(put).toEqual(killed['put']!.map((_, i) => (i < 7 ? old.serial : next.serial)));
      expect(first).toEqual(killed['first']!.map((_, i) => (i < 7 ? fallback : next.serial)));
      expect(recovery).toEqual(killed['recovery']!.map(() => next.serial));
      // Once both files are set aside nothing leads to them.
      expect(deleted).toEqual([old.serial, old.serial, fallback, fallback]);

      // Whatever was left, the next put or delete of a name finds its way.
      for (const name of killed['first']!) {
        expect((await again.put(name, last.pairPem)).status, name).toBeLessThan(300);
        expect(await again.serial(name), name).toBe(last.serial);
      }
      for (const name of killed['delete']!) await again.delete(name);
      const { stdout } = await again.nginx.exec(['ls', '-A', '/etc/nginx/certs']);
      const files = stdout.split('\n');
      for (const [kind, names] of Object.entries(killed)) {
        for (const name of names) {
          expect(files.filter((file) => file.startsWith(`${name}.`))).toEqual(
            kind === 'delete' ? [] : [`${name}.cert.pem`, `${name}.key.pem`],
          );
        }
      }
      again.expectNoKeyShown();
    });
  });
});
