import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { entryPath } from '../../../src/disk/store.js';
import { run } from '../../setup/command.js';
import { writePair, type Pair } from '../../support/certificates.js';
import { makeWorkDirectory } from '../../support/nginx.js';
import { type Call, killedAt, traced } from '../../support/killed_at.js';
import { startPutSite } from '../../support/putting.js';
import type { SiteOptions } from '../../support/site.js';
import {
  ageNotes,
  ageUnfinished,
  currentVersions,
  inStore,
  readStore,
} from '../../support/stored.js';
import { whyNotTraced } from '../../support/strace.js';

const FALLBACK = 'fallback.example';
const OPTIONS = {
  workers: 1,
  logLevel: 'notice',
  store: true,
  names: [FALLBACK],
  settings: { fallback: FALLBACK, check_interval: '3600' },
} satisfies SiteOptions;

const LONG = { timeout: 120_000 };

/** A bucket of notes may begin, or a sweep be due, between a trace and a kill. */
const MOST_TRIES = 4;

/** Names whose entries are in one folder, without end: a step that makes a folder would come only once. */
function* namesInOneFolder(): Generator<string, never> {
  const folderOf = (name: string): string => entryPath({ root: '', id: '' }, name).split('/')[2]!;
  for (let i = 0; ; i++) {
    const name = `n${i}.k.example`;
    if (folderOf(name) === folderOf('n0.k.example')) yield name;
  }
}

/** A call without what differs each time. */
function shape({ call, path }: Call): string {
  const general = path
    .replace(/[0-9a-f]{64}\.[\w+-]+/, 'VERSION')
    .replace(/(versions|names)\/..\//, '$1/HH/')
    .replace(/retired\/[\w-]+/, 'retired/TIME')
    .replace(/temporary\/.*/, 'temporary/ID')
    .replace(/mark\..*/, 'mark.ID')
    .replace(/n\d+\.k\.example/, 'NAME');
  return `${call} ${general}`;
}

/** What was going on with a name when the worker was killed. */
interface Killed {
  name: string;
  /** Further names of the same leaf. */
  others?: string[];
  /** Whether the step comes after the one that puts an entry in place. */
  isDone: boolean;
}

describe('a worker that is killed at any step', async () => {
  const directory = makeWorkDirectory();
  const certs = join(directory, 'certs');
  const site = await startPutSite({ ...OPTIONS, directory });
  const fallback = site.serials[FALLBACK]!;
  // The first handshake makes the folder.
  await site.serial(FALLBACK);
  const reason = await whyNotTraced(site.nginx);
  const [old, next, last] = (await Promise.all(
    [0, 1, 2].map(() => site.authority.issue({ names: ['*.k.example'] })),
  )) as [Pair, Pair, Pair];
  const names = namesInOneFolder();
  const killed: Record<string, Killed[]> = {};

  /** The calls of something that is done to a name, once two times come to the same. */
  async function callsOf(prepare: Step, act: Step): Promise<Call[]> {
    let calls: Call[] = [];
    for (;;) {
      const before = calls.map(shape).join();
      const name = names.next().value;
      await prepare(name);
      calls = await traced(site.nginx, '/cert-rotation.v1/', () => act(name));
      if (calls.length > 0 && calls.map(shape).join() === before) return calls;
    }
  }

  type Step = (name: string) => Promise<unknown>;

  /** Does something to a name, and to others with the worker killed at one step of it after the other. */
  async function killAtEachStep(kind: string, prepare: Step, act: Step): Promise<string[]> {
    const calls = await callsOf(prepare, act);
    const doneAt = calls.findIndex(
      ({ call, path }) => call === 'rename' && path.includes('/names/'),
    );
    killed[kind] = [];
    for (const [i, call] of calls.entries()) {
      const shapes: string[] = [];
      while (shapes.at(-1) !== shape(call)) {
        expect(shapes.length, shapes.join('; ')).toBeLessThan(MOST_TRIES);
        const name = names.next().value;
        await prepare(name);
        // A worker that answers is through with what it does first.
        await site.get(name);
        const seen = await killedAt(site.nginx, call, () => act(name));
        shapes.push(seen ? shape(seen) : 'nothing');
        if (shapes.at(-1) === shape(call)) killed[kind].push({ name, isDone: i > doneAt });
      }
    }
    return calls.map(shape);
  }

  /** As if a sweep had found the versions of a name, and those under it, to be current. */
  const forgetMaking: Step = (name) =>
    inStore(site.nginx, `find retired -lname "*${name}" -delete`);
  /** Puts a pair long ago. */
  const putBefore: Step = async (name) => {
    await site.put(name, old.pairPem);
    await forgetMaking(name);
  };
  const nothing: Step = () => Promise.resolve();

  describe.skipIf(reason)(reason ? `unseen: ${reason}` : 'seen by strace', () => {
    test('of a put into an empty store leaves it in use', async () => {
      const empty: Step = () => inStore(site.nginx, 'rm -rf *');
      const steps = await killAtEachStep('empty', empty, (name) => site.put(name, next.pairPem));
      expect(steps.filter((step) => step.startsWith('mkdir')).length).toBeGreaterThan(5);
      for (const { name } of killed['empty']!) {
        expect((await site.put(name, last.pairPem)).status, name).toBeLessThan(300);
        expect(await site.serial(name), name).toBe(last.serial);
      }
      await site.clear(FALLBACK);
      // From now on no step makes a folder, but for a bucket of notes.
      const make =
        'for i in $(seq 0 255); do d=$(printf %02x $i); mkdir -p -m 700 names/$d versions/$d; done';
      await inStore(site.nginx, `${make} && chown -R --reference=. .`);
    });

    test('of a put leaves the name with the pair that it had, or the new one', async () => {
      const steps = await killAtEachStep('put', putBefore, (name) => site.put(name, next.pairPem));
      expect(steps.length).toBeGreaterThan(6);
      for (const { name } of killed['put']!) {
        expect([old.serial, next.serial], name).toContain(await site.serial(name));
      }
    });

    test('of the first put of a name leaves the name with nothing, or with the pair', async () => {
      await killAtEachStep('first', nothing, (name) => site.put(name, next.pairPem));
      for (const { name } of killed['first']!) {
        expect([fallback, next.serial], name).toContain(await site.serial(name));
      }
    });

    test('of a delete leaves the name with its pair, or without', async () => {
      await killAtEachStep('delete', putBefore, (name) => site.delete(name));
      for (const { name, isDone } of killed['delete']!) {
        const expected = isDone ? [old.serial, fallback] : [old.serial];
        expect(expected, name).toContain(await site.serial(name));
      }
    });

    test('of a handshake that stores a pair leaves files that the next one serves', async () => {
      await killAtEachStep(
        'files',
        (name) => writePair(certs, name, next),
        (name) => site.serial(name),
      );
      for (const { name } of killed['files']!) {
        expect(await site.serial(name), name).toBe(next.serial);
      }
    });

    test('of a put for several names leaves each with the pair that it had, or the new one', async () => {
      const leaves: Record<string, Pair> = {};
      await killAtEachStep(
        'several',
        async (name) => {
          const own = [name, `x.${name}`, `y.${name}`];
          for (const one of own)
            await site.put(one, (await site.authority.issue({ names: own })).pairPem);
          await forgetMaking(name);
          leaves[name] = await site.authority.issue({ names: own });
        },
        (name) => site.put('', leaves[name]!.pairPem),
      );
      expect(killed['several']!.length).toBeGreaterThan(6);
    });

    test('has lost nothing when all of nginx is killed and started again', LONG, async () => {
      // Acknowledged: one put, one delete.
      const put = names.next().value;
      const deleted = names.next().value;
      expect((await site.put(put, old.pairPem)).status).toBe(201);
      expect((await site.put(deleted, old.pairPem)).status).toBe(201);
      expect((await site.delete(deleted)).status).toBe(200);
      for (const { name } of killed['files']!) {
        for (const kind of ['cert', 'key'])
          writeFileSync(join(certs, `${name}.${kind}.pem`), '-----');
      }
      site.expectNoKeyShown();
      await run('docker', ['kill', site.nginx.containerId]);
      await site.nginx.stop();

      const again = await startPutSite({ ...OPTIONS, names: [], directory });
      const list = JSON.parse((await again.get('?limit=1000')).body) as {
        certs: { name: string }[];
      };
      const listed = list.certs.map(({ name }) => name);
      const expected: Record<string, string> = { [put]: old.serial };
      for (const { name } of killed['empty']!.slice(-1)) expected[name] = last.serial;
      for (const { name, isDone } of killed['put']!) expected[name] = (isDone ? next : old).serial;
      for (const { name, isDone } of killed['first']!) if (isDone) expected[name] = next.serial;
      for (const { name, isDone } of killed['delete']!) if (!isDone) expected[name] = old.serial;
      for (const { name } of killed['files']!) expected[name] = next.serial;
      for (const [name, serial] of Object.entries(expected)) {
        expect(listed, name).toContain(name);
        expect(await again.serial(name), name).toBe(serial);
      }
      const gone = [
        deleted,
        ...killed['first']!.filter(({ isDone }) => !isDone).map(({ name }) => name),
        ...killed['delete']!.filter(({ isDone }) => isDone).map(({ name }) => name),
      ];
      for (const name of gone) {
        expect(listed, name).not.toContain(name);
        expect(await again.serial(name), name).toBe(fallback);
      }
      for (const { name } of killed['several']!) {
        for (const one of [name, `x.${name}`, `y.${name}`]) {
          expect(listed).toContain(one);
          expect(await again.serial(one), one).not.toBe(fallback);
        }
      }

      // Nothing is left lying about.
      const before = await readStore(again.nginx);
      expect(
        currentVersions(before).filter((version) => !before.versions.includes(version)),
      ).toEqual([]);
      expect(unnoted(before)).toEqual([]);
      await ageNotes(again.nginx);
      await ageUnfinished(again.nginx);
      // A sweep is due every ten seconds.
      await sleep(10_500);
      for (let i = 0; i < 40; i++) {
        await again.clear(FALLBACK);
        await again.serial(FALLBACK);
      }
      const after = await readStore(again.nginx);
      expect(after.versions).toEqual(currentVersions(after));
      expect(after.temporary).toEqual([]);
      expect(Object.values(after.entries).filter((target) => target.includes('deleted'))).toEqual(
        [],
      );
      for (const [name, serial] of Object.entries(expected)) {
        expect(await again.serial(name), name).toBe(serial);
      }
      site.expectNoKeyShown();
    });
  });
});

/** Versions that no entry leads to and no sweep would look at. */
function unnoted(stored: Awaited<ReturnType<typeof readStore>>): string[] {
  const known = [...currentVersions(stored), ...stored.notes];
  return stored.versions.filter((version) => !known.includes(version));
}
