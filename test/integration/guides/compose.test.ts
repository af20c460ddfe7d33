import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { currentRuntime, TOOLS_IMAGE } from '../../setup/runtimes.js';
import { createAuthority, type Pair } from '../../support/certificates.js';
import { startContainer } from '../../support/container.js';
import { send } from '../../support/http.js';
import { makeWorkDirectory } from '../../support/nginx.js';
import { handshake } from '../../support/tls_client.js';
import { hasImage, startToolsWith } from '../../support/tools.js';
import { EXAMPLES_DIRECTORY, textOf } from '../../support/examples.js';

// What compose.yaml says is done by hand, so that other images can stand in for those of a registry.

const NAME = 'www.example.com';
const WILDCARD = '*.www.example.com';
const LINEAGE = `/etc/letsencrypt/live/${NAME}`;
/** Of www-data, in Debian and in the images that are made of it. */
const READERS = 33;

interface Service {
  image: string;
  ports?: string[];
  volumes: string[];
  tmpfs?: string[];
  entrypoint?: string[];
  command?: string[];
  network_mode?: string;
}

const directory = join(EXAMPLES_DIRECTORY, 'compose');
const { services, volumes } = parse(textOf('compose/compose.yaml')) as {
  services: { nginx: Service; certbot: Service };
  volumes: Record<string, null>;
};
const work = makeWorkDirectory();
for (const name of Object.keys(volumes)) mkdirSync(join(work, name), { recursive: true });

/** The mounts of a service, as options of `docker run`, without what a stand-in of its image would not know. */
function mountsOf({ volumes: mounts, tmpfs = [] }: Service): string[] {
  const inMemory = tmpfs.flatMap((mount) => ['--tmpfs', mount]);
  return inMemory.concat(
    mounts.flatMap((mount) => {
      const [source = '', ...rest] = mount.split(':');
      if (source.endsWith('/certificate_cache.conf') && !runtime.certificateCache) return [];
      const isPath = source.startsWith('.');
      const path = isPath ? resolve(directory, source) : join(work, source);
      if (!existsSync(path)) throw new Error(`There is no ${source}`);
      return ['--volume', [path, ...rest].join(':')];
    }),
  );
}

const runtime = currentRuntime();
const certbotImage = (await hasImage(services.certbot.image))
  ? services.certbot.image
  : TOOLS_IMAGE;
const canDeploy = await hasImage(certbotImage);
const tools = await startToolsWith(['--volume', `${directory}:${directory}:ro`]);

test('nginx has the ports of HTTP and HTTPS, and no other', () => {
  expect(services.nginx.ports).toEqual(['80:80', '443:443', '443:443/udp']);
  expect(services.certbot).not.toHaveProperty('ports');
});

test.skipIf(tools.areMissing)('Docker Compose takes the file', async () => {
  const compose = '/usr/libexec/docker/cli-plugins/docker-compose';
  const file = join(directory, 'compose.yaml');
  const result = await tools.run([compose, '--file', file, 'config', '--quiet']);
  expect(result).toEqual({ code: 0, stdout: '', stderr: '' });
});

test.skipIf(!canDeploy)('what certbot deploys is served, and what it renews', async () => {
  const nginx = await startContainer(
    runtime.image,
    [...['--publish', '127.0.0.1::80', '--publish', '127.0.0.1::443'], ...mountsOf(services.nginx)],
    // As the image of nginx starts it.
    ['nginx', '-g', 'daemon off;'],
  );
  await nginx.logged('start worker process ');
  const { entrypoint: [program = '', ...args] = [], command = [] } = services.certbot;
  expect(services.certbot.network_mode).toBe('service:nginx');
  const certbot = await startContainer(
    certbotImage,
    ['--network', `container:${nginx.id}`, '--entrypoint', program, ...mountsOf(services.certbot)],
    [...args, ...command.map((text) => text.replaceAll('$$', '$'))],
  );

  const authority = await createAuthority();
  const live = join(work, 'letsencrypt/live', NAME);
  mkdirSync(live, { recursive: true });
  async function deploy(): Promise<Pair> {
    const pair = await authority.issue({ names: [NAME, WILDCARD] });
    writeFileSync(join(live, 'fullchain.pem'), pair.chainPem);
    writeFileSync(join(live, 'privkey.pem'), pair.keyPem, { mode: 0o600 });
    const environment = [`RENEWED_LINEAGE=${LINEAGE}`, `RENEWED_DOMAINS=${NAME} ${WILDCARD}`];
    const hook = await certbot.exec(['env', ...environment, '/usr/local/bin/deploy.sh']);
    expect(hook).toEqual({ code: 0, stdout: '{"cleared":"all"}\n', stderr: '' });
    return pair;
  }
  const https = { host: '127.0.0.1', port: await nginx.port(443), ca: authority.rootPem };
  await expect(handshake({ ...https, servername: NAME })).rejects.toThrow();
  for (let renewal = 0; renewal < 2; renewal++) {
    const { serial } = await deploy();
    for (const servername of [NAME, `a.${NAME}`]) {
      expect(await handshake({ ...https, servername })).toMatchObject({ serial });
    }
  }
  const { mode, gid } = statSync(join(work, 'certs', `${NAME}.key.pem`));
  expect([mode & 0o777, gid]).toEqual([0o640, READERS]);

  const http = { host: '127.0.0.1', port: await nginx.port(80) };
  const challenges = join(work, 'acme/.well-known/acme-challenge');
  mkdirSync(challenges, { recursive: true });
  writeFileSync(join(challenges, 'token'), 'token.thumbprint');
  const challenge = await send(http, '/.well-known/acme-challenge/token');
  expect(challenge).toMatchObject({ status: 200, body: 'token.thumbprint' });
  for (const path of ['/', '/clear', '/certs/']) {
    expect((await send(http, path)).headers.location).toBe(`https://127.0.0.1${path}`);
  }
});
