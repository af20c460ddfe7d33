import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { createAuthority } from '../../support/certificates.js';
import type { PutSite } from '../../support/putting.js';
import { ageNotes, currentVersions, inStore, readStore } from '../../support/stored.js';
import { trace, whyNotTraced, workersSeen, type Trace } from '../../support/strace.js';
import { serialOrNone, servedWithin, startTwo } from '../../support/two_nginx.js';

// Runs on njs, qjs: the store is files, which two nginx of any version share alike; the engines are two.

const LONG = { timeout: 120_000 };
const NAME = 'a.example';
const authority = await createAuthority();
const [old, next] = await Promise.all([0, 1].map(() => authority.issue({ names: [NAME] })));

/** How long a worker is halted before it makes a system call, and after what part of that the other nginx does something. */
const HALT_MS = 500;

function haltedAt({ nginx }: PutSite, call: 'rename' | 'unlink'): Promise<Trace> {
  const inject = `inject=${call}:delay_enter=${HALT_MS * 1000}`;
  return trace(workersSeen(nginx), ['-e', `trace=${call}`, '-e', inject]);
}

/** Does something while the worker of another nginx is halted in the middle of what it does. */
async function meanwhile<T>(halted: () => Promise<unknown>, act: () => Promise<T>): Promise<T> {
  let isThrough = false;
  const running = halted().then(() => {
    isThrough = true;
  });
  await sleep(HALT_MS / 2);
  const result = await act();
  expect(isThrough, 'nothing was halted').toBe(false);
  await running;
  return result;
}

describe('one nginx that is halted', async () => {
  const INTERVAL = 1;
  const [one, other] = await startTwo(INTERVAL, { authority, workers: 1 });
  const reason = await whyNotTraced(one.nginx);

  describe.skipIf(reason)(reason ? `unseen: ${reason}` : 'seen by strace', () => {
    test(
      'while it removes a version does not harm the same pair that is put again',
      LONG,
      async () => {
        expect((await one.put(NAME, old!.pairPem)).status).toBe(201);
        const [version] = currentVersions(await readStore(one.nginx));
        expect((await one.put(NAME, next!.pairPem)).status).toBe(200);
        const [current] = currentVersions(await readStore(one.nginx));
        // The sweep has nothing to do but to remove the old one.
        await ageNotes(one.nginx);
        await inStore(one.nginx, `find retired -name '${current}' -delete`);
        const strace = await haltedAt(other, 'unlink');
        const between = await meanwhile(
          () => other.get(''),
          async () => {
            expect((await one.put(NAME, old!.pairPem)).status).toBe(200);
            return readStore(one.nginx);
          },
        );
        await strace.stop();
        expect(between.versions).toContain(version);
        expect((await readStore(one.nginx)).versions).not.toContain(version);
        expect(await one.serial(NAME)).toBe(old!.serial);
        expect(await servedWithin(other, NAME, old!.serial, INTERVAL + 1)).toBe(old!.serial);
      },
    );

    const WRITES: [string, () => Promise<unknown>][] = [
      ['a clear of the name', () => one.clear(NAME)],
      ['a look at the name after a clear', () => one.serial(NAME)],
    ];
    const CHANGES: [string, string, () => Promise<{ status: number }>][] = [
      ['put', next!.serial, () => other.put(NAME, next!.pairPem)],
      ['deleted', '', () => other.delete(NAME)],
    ];
    describe.each(WRITES)('in %s', (title, write) => {
      test.each(CHANGES)(
        'does not undo what is %s through the other',
        LONG,
        async (_, serial, change) => {
          expect((await one.put(NAME, old!.pairPem)).status).toBeLessThan(300);
          expect(await one.serial(NAME)).toBe(old!.serial);
          if (title.includes('look')) await one.clear();
          const strace = await haltedAt(one, 'rename');
          const { status } = await meanwhile(write, change);
          await strace.stop();
          expect(status).toBe(200);
          for (const site of [other, one]) {
            expect(await servedWithin(site, NAME, serial, INTERVAL + 1)).toBe(serial);
          }
          await sleep(INTERVAL * 1000 + 200);
          for (const site of [other, one]) expect(await serialOrNone(site, NAME)).toBe(serial);
        },
      );
    });
  });
});
