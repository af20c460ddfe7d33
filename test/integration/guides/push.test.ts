import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { HOOKS, startAcmeHost, type Output } from '../../support/acme.js';
import { createAuthority, writePair } from '../../support/certificates.js';
import { makeWorkDirectory } from '../../support/nginx.js';
import { certbot, labelIn, LAYOUTS } from '../../support/layouts.js';
import { startSite } from '../../support/site.js';
import { describeWithAcme } from '../../support/with_acme.js';

// Runs on njs: a shell script is what is tested, whatever engine nginx has.

const DROP_IN = readFileSync(
  new URL('../../../nginx/systemd/push-certificates.conf', import.meta.url),
  'utf8',
);
const LIVE = '/etc/letsencrypt';

describeWithAcme('pairs that only root may read', async () => {
  const directory = makeWorkDirectory();
  const pairs = join(directory, 'pairs');
  const letsencrypt = join(directory, 'letsencrypt');
  for (const path of [pairs, letsencrypt]) mkdirSync(path);
  const start = () =>
    startSite({ directory, main: 'user www-data;', mounts: { [LIVE]: letsencrypt } });
  let site = await start();
  const authority = await createAuthority();
  const host = await startAcmeHost({
    mounts: { '/run/nginx': join(directory, 'run'), '/srv': pairs, [LIVE]: letsencrypt },
  });
  afterAll(() => host.stop());

  /** What root has made, as ACME clients do. */
  const closeAll = (): Promise<string> =>
    host.run(`chown -R root:root /srv ${LIVE} && chmod -R go= /srv ${LIVE}`);

  const pushAll = (folders: string, env: Record<string, string> = {}): Promise<Output> =>
    host.sh(`${HOOKS}/push-all ${folders}`, env);

  test.each(LAYOUTS)('%s: each pair is put, and put again', async (title, layout) => {
    const folder = String(LAYOUTS.findIndex(([other]) => other === title));
    const root = join(pairs, folder);
    mkdirSync(root);
    for (let version = 0; version < 2; version++) {
      const serials: string[] = [];
      for (const name of [`www.${folder}.example`, `*.${folder}.example`]) {
        const pair = await authority.issue({ names: [name] });
        await layout.swap(root, labelIn(layout, name), pair, version);
        serials.push(pair.serial);
      }
      await closeAll();
      const { exitCode, stdout, stderr } = await pushAll(`/srv/${folder}/${layout.pairs ?? ''}`);
      expect([exitCode, stderr]).toEqual([0, '']);
      expect(stdout).toMatch(
        /^(\[[12]\/2\] nginx serves .*\.example, valid until .*Z\n){2}cert-rotation: 2 of 2 pairs are put, 0 failed\n$/,
      );
      for (const [i, label] of ['www', 'other'].entries()) {
        expect(await site.serial(`${label}.${folder}.example`)).toBe(serials[i]);
      }
    }
  });

  test('goes on after what is refused or cannot be read, and exits with 1', async () => {
    const root = join(pairs, 'mixed');
    mkdirSync(root);
    const [a, b, c, d] = await Promise.all(
      ['a', 'b', 'c', 'd'].map((label) => authority.issue({ names: [`${label}.mixed.example`] })),
    );
    await writePair(root, 'a.mixed.example', a!);
    await writePair(root, 'b.mixed.example', { ...b!, keyPem: a!.keyPem });
    await writePair(root, 'c.mixed.example', c!);
    await writePair(root, 'd.mixed.example', d!);
    await closeAll();
    await host.run('rm /srv/mixed/c.mixed.example.key.pem');
    const { exitCode, stdout, stderr } = await pushAll('/srv/mixed');
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(
      /^\[1\/4\] nginx serves a\..*\n\[4\/4\] nginx serves d\..*\ncert-rotation: 2 of 4 pairs are put, 2 failed\n$/,
    );
    expect(stderr).toMatch(
      /^\[2\/4\] nginx refuses \/srv\/mixed\/b\..*key-mismatch.*\n\[3\/4\] \/srv\/mixed\/c\..*\.key\.pem cannot be read\n$/,
    );
    expect(await site.serial('a.mixed.example')).toBe(a!.serial);
    expect(await site.serial('d.mixed.example')).toBe(d!.serial);
  });

  test('stops where nginx does not answer, and exits with 3', async () => {
    const { exitCode, stdout, stderr } = await pushAll('/srv/mixed', {
      CERT_ROTATION_SOCKET: '/run/nginx/no.sock',
      CERT_ROTATION_ATTEMPTS: '2',
      CERT_ROTATION_PAUSE: '0',
    });
    expect([exitCode, stdout]).toEqual([3, 'cert-rotation: 0 of 4 pairs are put, 1 failed\n']);
    expect(stderr).toMatch(/^\[1\/4\] nginx does not answer, asked 2 times: curl: .*\n$/);
  });

  test.each([
    ['', 'usage: push-all FOLDER...\n'],
    ['/srv/none', 'cert-rotation: /srv/none is no folder\n'],
    ['/usr/lib', 'cert-rotation: there is no pair in /usr/lib\n'],
  ])('push-all %s: exits with 2', async (folders, stderr) => {
    expect(await pushAll(folders)).toMatchObject({ exitCode: 2, stdout: '', stderr });
  });

  describe('through a restart', () => {
    const name = 'www.restart.example';
    const command = /^ExecStartPost=-\+(.*)$/m.exec(DROP_IN)![1]!;
    const renew = async (version: number): Promise<string> => {
      const pair = await authority.issue({ names: [name] });
      await certbot.swap(letsencrypt, name, pair, version);
      await closeAll();
      return pair.serial;
    };

    test('what nginx has lost is put again by what the drop-in runs', async () => {
      const first = await renew(0);
      await expect(site.serial(name)).rejects.toThrow();
      await host.run(command);
      expect(await site.serial(name)).toBe(first);
      const second = await renew(1);
      await host.run(`RENEWED_LINEAGE=${LIVE}/live/${name} ${HOOKS}/certbot`);
      expect(await site.serial(name)).toBe(second);

      await site.nginx.stop();
      site = await start();
      await expect(site.serial(name)).rejects.toThrow();
      await host.run(command);
      expect(await site.serial(name)).toBe(second);
    });

    test('no worker can read the key', async () => {
      const key = `${LIVE}/live/${name}/privkey.pem`;
      const asWorker = 'setpriv --reuid=www-data --regid=www-data --clear-groups --';
      expect((await site.nginx.exec(['test', '-r', key])).exitCode).toBe(0);
      const command = `${asWorker} true && ! ${asWorker} cat ${key}`;
      expect((await site.nginx.exec(['sh', '-c', command])).exitCode).toBe(0);
      const { workers } = await site.nginx.processes();
      const { stdout } = await site.nginx.exec(['stat', '-c', '%U', `/proc/${workers[0]}`]);
      expect(stdout).toBe('www-data\n');
    });

    test('systemd takes the drop-in', async () => {
      await host.run(
        `mkdir /etc/systemd/system/nginx.service.d
        printf %s "$DROP_IN" >/etc/systemd/system/nginx.service.d/push-certificates.conf`,
        { DROP_IN },
      );
      const { exitCode, stdout, stderr } = await host.sh(
        'systemd-analyze --man=no verify nginx.service',
      );
      expect([exitCode, stdout, stderr]).toEqual([0, '', '']);
    });
  });

  test('no key stands in the log', () => {
    expect(site.nginx.log()).not.toContain('-----BEGIN');
  });
});
