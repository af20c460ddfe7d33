import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { currentRuntime } from '../../setup/runtimes.js';
import { hasAcme, startPebble } from '../../support/acme.js';
import { createAuthority, writePair } from '../../support/certificates.js';
import { composeProject } from '../../support/compose_project.js';
import { startContainer } from '../../support/container.js';
import { openPage, pasteableBlocks, ROOT } from '../../support/documents.js';
import { ownerLabel, removeContainerAtExit } from '../../support/leftovers.js';
import { makeWorkDirectory } from '../../support/nginx.js';
import { handshake, runProgram } from '../../support/tls_client.js';
import { startToolsWith } from '../../support/tools.js';
import { textOf } from '../../support/examples.js';
import { LAYOUTS } from '../../support/layouts.js';

// Runs on njs: mounts, users and volumes are what is tested, whatever engine nginx has.

const page = openPage('docs/containers.md');
const [up = '', obtain = '', list = '', down = ''] = page
  .take('sh', 'Docker Compose')
  .map(({ text }) => text);
const [prepare = '', start = '', clear = '', removeSocket = ''] = page
  .take('sh', 'Without root')
  .map(({ text }) => text);
const difference = page.takeText('diff', 'The difference to the usual configuration');
const pod = parse(page.takeText('yaml', 'Kubernetes')) as Pod;

const NAME = 'www.example.com';
const ROOT_FILE = '/acme/root.pem';
const PATIENCE_MS = 180_000;
const runtime = currentRuntime();

interface Pod {
  spec: {
    securityContext: { runAsUser: number; runAsGroup: number };
    containers: {
      ports: { containerPort: number }[];
      securityContext: {
        allowPrivilegeEscalation: boolean;
        readOnlyRootFilesystem: boolean;
        capabilities: { drop: string[] };
      };
      volumeMounts: { name: string; mountPath: string; subPath?: string }[];
    }[];
    volumes: {
      name: string;
      configMap?: { name: string };
      secret?: { secretName: string };
      emptyDir?: object;
    }[];
  };
}

// nginx of the image that the file names has the cache.
describe.skipIf(!hasAcme || !runtime.certificateCache)('Docker Compose', async () => {
  if (!hasAcme || !runtime.certificateCache) return;
  const project = await composeProject(runtime, {
    '/etc/letsencrypt/cli.ini': `server = https://localhost:14000/dir
non-interactive = true\nagree-tos = true\nregister-unsafely-without-email = true\n`,
    // Certbot's own image has it.
    '/usr/local/bin/wget': '#!/bin/sh\nexec busybox wget "$@"\n',
    // As in an environment of the container, which is not the page's.
    '/usr/local/sbin/certbot': `#!/bin/sh\nREQUESTS_CA_BUNDLE=${ROOT_FILE} exec /usr/bin/certbot "$@"\n`,
  });

  test.skipIf(project.isMissing)(
    'serves what certbot obtains and renews',
    { timeout: PATIENCE_MS },
    async () => {
      expect(await project.sh(up, ROOT)).toMatchObject({ code: 0 });
      const client = { host: '127.0.0.1', port: await project.port(), servername: NAME };
      await expect(handshake(client)).rejects.toThrow();
      const certbot = await project.host('certbot');
      await startPebble(certbot, { default: 90 * 86_400 });
      const serial = async (): Promise<string> =>
        (
          await certbot.run(
            `openssl x509 -noout -serial -in /etc/letsencrypt/live/${NAME}/fullchain.pem`,
          )
        )
          .trim()
          .replace('serial=', '');

      const { code, stderr } = await project.sh(obtain);
      expect(code, stderr).toBe(0);
      const first = await serial();
      expect((await handshake(client)).serial).toBe(first);
      await certbot.run('certbot renew --force-renewal --no-random-sleep-on-renew');
      const second = await serial();
      expect(second).not.toBe(first);
      expect((await handshake(client)).serial).toBe(second);
      expect((await project.sh(list)).stdout).toContain(`"name":"${NAME}"`);

      expect(await project.sh(down)).toMatchObject({ code: 0 });
      await expect(handshake(client)).rejects.toThrow();
    },
  );
});

describe('Without root', async () => {
  const work = makeWorkDirectory();
  const certs = join(work, 'certs');
  const run = join(work, 'run');
  const lib = join(work, 'lib');
  mkdirSync(lib);
  const authority = await createAuthority();
  const first = await authority.issue({ names: [NAME] });
  await writePair(certs, NAME, first);
  const mounts = Object.entries({
    [certs]: '/etc/nginx/certs',
    [run]: '/run',
    [lib]: '/var/lib',
  }).flatMap((mount) => ['--volume', mount.join(':')]);
  const root = await startContainer(runtime.image, mounts, ['sleep', 'infinity']);
  const tools = await startToolsWith(mounts);
  const sh = (script: string) => root.exec(['sh', '-ec', script]);
  const names: string[] = [];
  afterAll(async () => {
    await runProgram('docker', ['rm', '--force', ...names]);
    await sh('rm -rf /run/nginx-certs /var/lib/nginx-certs');
  });

  /** The page's call of docker, with an image that is here, on folders and a port of this test. Resolves to its log. */
  async function startNginx(): Promise<{ log: () => Promise<string>; port: number }> {
    const name = `${NAME}-${process.pid}-${names.length}`;
    names.push(name);
    const own = `--name ${name} --user 101:101 --label '${Object.entries(ownerLabel())[0]!.join('=')}'`;
    const call = start
      .replace('--name nginx ', `${own} --entrypoint nginx `)
      .replace('--publish 443:', '--publish 127.0.0.1::')
      .replace(' /etc/nginx/certs:', ` ${certs}:`)
      .replace(' /run/nginx-certs:', ` ${run}/nginx-certs:`)
      .replace(' /var/lib/nginx-certs:', ` ${lib}/nginx-certs:`)
      .replace('nginxinc/nginx-unprivileged:1.30', `${runtime.image} -e stderr -g 'daemon off;'`)
      .replace(/^.*certificate_cache.*\n/m, runtime.certificateCache ? '$&' : '');
    const { code, stdout, stderr } = await runProgram('sh', ['-c', `cd ${ROOT} && ${call}`]);
    expect(code, stderr).toBe(0);
    removeContainerAtExit(stdout.trim());
    const log = async (): Promise<string> => {
      const output = await runProgram('docker', ['logs', name]);
      return output.stdout + output.stderr;
    };
    await expect.poll(log, { timeout: 20_000 }).toMatch(/start worker process |still could not/);
    const published = await runProgram('docker', ['port', name, '8443/tcp']);
    return { log, port: Number(published.stdout.trim().split(':').at(-1)) };
  }

  test.skipIf(tools.areMissing)(
    'serves and is cleared, and starts again where it was killed',
    async () => {
      expect(await sh(prepare)).toMatchObject({ code: 0, stderr: '' });
      const nginx = await startNginx();
      const client = { host: '127.0.0.1', port: nginx.port, servername: NAME };
      expect((await handshake(client)).serial).toBe(first.serial);
      const second = await authority.issue({ names: [NAME] });
      await writePair(certs, NAME, second);
      await sh(prepare);
      expect(await tools.run(['sh', '-c', clear])).toMatchObject({ code: 0, stderr: '' });
      expect((await handshake(client)).serial).toBe(second.serial);
      expect(await nginx.log()).not.toMatch(/\[(error|crit|alert|emerg)\]/);

      await runProgram('docker', ['rm', '--force', names[0]!]);
      const refused = await startNginx();
      expect(await refused.log()).toContain('Address already in use');
      await sh(removeSocket);
      const again = await startNginx();
      expect((await handshake({ ...client, port: again.port })).serial).toBe(second.serial);
    },
  );

  test('the difference is that of nginx.conf and unprivileged.conf', () => {
    const linesOf = (begin: string): string[] =>
      difference
        .split('\n')
        .filter((line) => line !== '' && begin.includes(line.charAt(0)))
        .map((line) => line.slice(1).trim());
    const has = (path: string, line: string): boolean =>
      textOf(path)
        .split('\n')
        .some((text) => text.trim().startsWith(line));
    for (const line of linesOf(' +')) expect(has('unprivileged.conf', line), line).toBe(true);
    for (const line of linesOf(' -')) expect(has('nginx.conf', line), line).toBe(true);
    for (const line of linesOf('-')) expect(has('unprivileged.conf', line), line).toBe(false);
  });
});

describe('Kubernetes', async () => {
  const { spec } = pod;
  const container = spec.containers[0]!;
  const work = makeWorkDirectory();
  const configuration = join(work, 'configuration');
  const secrets = join(work, 'secrets');
  for (const folder of [configuration, secrets]) mkdirSync(folder);
  const line = pasteableBlocks('docs/containers.md').find(({ language }) => language === 'nginx')!;
  const config = textOf('unprivileged.conf').replace(/^http \{$/m, `$&\n${line.text}`);
  writeFileSync(join(configuration, 'nginx.conf'), config);
  const configMaps: Record<string, string> = {
    nginx: configuration,
    'cert-rotation': join(ROOT, 'dist'),
    'cert-layouts': join(ROOT, 'nginx/layouts'),
  };
  const authority = await createAuthority();
  const kubelet = LAYOUTS.find(([, { file }]) => file === 'kubernetes.conf')![1];
  const names: Record<string, string> = {
    'www-example-com': NAME,
    'wildcard-example-com': '*.example.com',
  };

  /** Fills a secret as the kubelet does. Resolves to the serial number. */
  async function fill(secretName: string, version: number): Promise<string> {
    const pair = await authority.issue({ names: [names[secretName]!] });
    await kubelet.swap(secrets, secretName, pair, version);
    return pair.serial;
  }
  const first: Record<string, string> = {};
  for (const name of Object.keys(names)) {
    first[name] = await fill(name, 0);
    chmodSync(join(secrets, name), 0o755);
  }

  const mounts = container.volumeMounts.flatMap(({ name, mountPath, subPath = '' }) => {
    const { configMap, secret } = spec.volumes.find((volume) => volume.name === name)!;
    const source = secret ? join(secrets, secret.secretName) : configMaps[configMap?.name ?? ''];
    return source === undefined
      ? ['--tmpfs', mountPath]
      : ['--volume', `${join(source, subPath)}:${mountPath}:ro`];
  });
  const { securityContext } = container;
  const nginx = await startContainer(
    runtime.image,
    [
      ...['--publish', `127.0.0.1::${container.ports[0]!.containerPort}`, '--entrypoint', 'nginx'],
      ...['--user', `${spec.securityContext.runAsUser}:${spec.securityContext.runAsGroup}`],
      ...securityContext.capabilities.drop.flatMap((name) => ['--cap-drop', name]),
      ...(securityContext.readOnlyRootFilesystem ? ['--read-only'] : []),
      ...(securityContext.allowPrivilegeEscalation ? [] : ['--security-opt', 'no-new-privileges']),
      ...mounts,
    ],
    ['-e', 'stderr', '-g', 'daemon off;'],
  );
  await nginx.logged('start worker process ');
  const client = { host: '127.0.0.1', port: await nginx.port(8443) };
  const serial = async (servername: string): Promise<string> =>
    (await handshake({ ...client, servername })).serial;

  test('serves each secret, and what the kubelet replaces', { timeout: PATIENCE_MS }, async () => {
    expect(await serial(NAME)).toBe(first['www-example-com']);
    expect(await serial('a.example.com')).toBe(first['wildcard-example-com']);
    const second = await fill('www-example-com', 1);
    await expect.poll(() => serial(NAME), { timeout: 30_000, interval: 500 }).toBe(second);
    expect(await serial('a.example.com')).toBe(first['wildcard-example-com']);
    expect(await nginx.log()).not.toMatch(/\[(warn|error|crit|alert|emerg)\]/);
  });
});
