import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { currentRuntime } from '../../setup/runtimes.js';
import { createAuthority, writePair } from '../../support/certificates.js';
import { ADMIN_SOCKET, makeWorkDirectory, startNginx } from '../../support/nginx.js';
import { startTools } from '../../support/tools.js';
import { filesBeside, findExamples, fittedTo, STREAM_FOLDER } from '../../support/examples.js';

// Runs on njs, debian13: what OpenSSL and nginx offer is what is tested, whatever the engine.

// Every configuration of nginx/ is started as it is copied, and each of its TLS listeners scanned.

const EC_NAME = 'www.example.com';
const RSA_NAME = 'rsa.example.com';

/** Of Mozilla's intermediate configuration, https://wiki.mozilla.org/Security/Server_Side_TLS, version 5.7. */
const STRONG = new Set([
  ...['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'],
  ...['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'],
  ...['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
  ...['ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305'],
  ...['DHE-RSA-AES128-GCM-SHA256', 'DHE-RSA-AES256-GCM-SHA384', 'DHE-RSA-CHACHA20-POLY1305'],
]);

/** Security in bits, as 2048 bits of RSA or DH and 224 of an elliptic curve have them: NIST SP 800-57, part 1, table 2. */
const LEAST_BITS = 112;

const runtime = currentRuntime();
const authority = await createAuthority();
const pairs = {
  [EC_NAME]: await authority.issue({ names: [EC_NAME] }),
  [RSA_NAME]: await authority.issue({ names: [RSA_NAME], keyType: 'rsa' }),
};

/** Files that an example needs beside its certificates. */
const FILES = {
  '/etc/nginx/cert_admins': 'deployer:$6$example$x\n',
  '/etc/nginx/client_ca.pem': authority.rootPem,
  '/etc/nginx/internal_ca.pem': authority.rootPem,
};

/** The ports of what `nginx -T` prints: those that speak TLS over TCP, and over UDP. */
function listeners(config: string): { tls: string[]; quic: string[] } {
  const all = [...config.matchAll(/^\s*listen\s+(?:\S+:)?(\d+)\s(.*);/gm)];
  const portsWith = (word: string): string[] => {
    const some = all.filter(([, , options = '']) => options.split(/\s+/).includes(word));
    return [...new Set(some.map(([, port = '']) => port))];
  };
  return { tls: portsWith('ssl'), quic: portsWith('quic') };
}

/** The elements of a name in what sslscan writes, each as its attributes. */
function elements(xml: string, name: string): Record<string, string>[] {
  return [...xml.matchAll(new RegExp(`<${name} ([^>]*)>`, 'g'))].map(([, text = '']) => {
    const attributes = [...text.matchAll(/(\w+)="([^"]*)"/g)];
    return Object.fromEntries(attributes.map(([, key = '', value = '']) => [key, value] as const));
  });
}

function expectStrong(xml: string): void {
  const protocols = elements(xml, 'protocol').filter(({ enabled }) => enabled === '1');
  expect(protocols.map(({ version }) => version)).toEqual(['1.2', '1.3']);
  const ciphers = elements(xml, 'cipher');
  for (const version of ['TLSv1.2', 'TLSv1.3']) {
    expect(ciphers).toContainEqual(expect.objectContaining({ sslversion: version }));
  }
  expect(ciphers.map(({ cipher = '' }) => cipher).filter((one) => !STRONG.has(one))).toEqual([]);
  expect(elements(xml, 'group').filter(({ bits }) => Number(bits) < LEAST_BITS)).toEqual([]);

  expect(elements(xml, 'compression')).toEqual([{ supported: '0' }]);
  expect(elements(xml, 'heartbleed').filter(({ vulnerable }) => vulnerable !== '0')).toEqual([]);
  for (const { supported, secure } of elements(xml, 'renegotiation')) {
    expect([supported, secure]).not.toEqual(['1', '0']);
  }

  const keys = elements(xml, 'pk');
  expect(keys).toHaveLength(1);
  expect(keys[0]).toMatchObject({ error: 'false' });
  // sslscan has the strength of an EC key here, and the length of an RSA key.
  const least = keys[0]?.['type'] === 'RSA' ? 2048 : LEAST_BITS;
  expect(Number(keys[0]?.['bits'])).toBeGreaterThanOrEqual(least);
}

// What etcd.conf adds speaks no TLS to clients, and puts go to an etcd that is not here: see follow_access.test.ts.
const examples = findExamples().filter(({ path }) => path !== 'etcd.conf');

describe.each(examples)('nginx/$path', async ({ config, files }) => {
  const directory = makeWorkDirectory();
  const certs = join(directory, 'certs');
  for (const [name, pair] of Object.entries(pairs)) await writePair(certs, name, pair);
  const nginx = await startNginx({
    directory,
    runtime,
    ports: [],
    files: { ...FILES, ...filesBeside(runtime), ...files },
    tmpfs: STREAM_FOLDER,
    config: fittedTo(runtime, config),
  });
  afterAll(() => nginx.stop());
  const tools = await startTools(nginx);
  const { stdout: text } = await nginx.exec(['nginx', '-T']);
  const { tls, quic } = listeners(text);
  // Wherever the files of this configuration would be.
  if (text.includes(`listen unix:${ADMIN_SOCKET};`)) {
    for (const [name, { pairPem: body }] of Object.entries(pairs)) {
      const { status } = await nginx.admin(`/certs/${name}`, { method: 'PUT', body });
      if (status !== 200 && status !== 201) throw new Error(`PUT: ${status}`);
    }
  }

  test('nginx -t and the log have no warning', async () => {
    const { exitCode, stderr } = await nginx.exec(['nginx', '-t']);
    expect([exitCode, stderr]).toEqual([0, expect.not.stringMatching(/\[(?!info|notice)/)]);
    expect(nginx.log()).not.toMatch(/\[(warn|error|crit|alert|emerg)\]/);
  });

  test('what speaks TLS is found', () => {
    expect(tls.length > 0).toBe(/^\s*ssl_certificate\s/m.test(text));
  });

  test('what has been parsed is kept, where nginx can', () => {
    const keeps = /^\s*ssl_certificate_cache\s/m.test(text);
    expect(keeps).toBe(runtime.certificateCache);
  });

  describe.skipIf(tools.areMissing)('scanned', () => {
    test.each(tls.flatMap((port) => Object.keys(pairs).map((name) => ({ port, name }))))(
      'port $port, $name',
      async ({ port, name }) => {
        const command = ['sslscan', '--no-colour', '--xml=-', `--sni-name=${name}`];
        const { code, stdout: xml } = await tools.run([...command, `127.0.0.1:${port}`]);
        expect(code).toBe(0);
        expectStrong(xml);
        expect(xml).toContain(`DNS:${name}`);
      },
    );
    test.each(quic)('port %s by HTTP/3', async (port) => {
      const target = ['--resolve', `${EC_NAME}:${port}:127.0.0.1`, `https://${EC_NAME}:${port}/`];
      const format = ['--write-out', '%{http_version} %{response_code}', '--output', '/dev/null'];
      const client = ['curl', '--silent', '--show-error', '--insecure', '--http3-only'];
      const answer = await tools.run([...client, ...format, ...target]);
      expect(answer).toMatchObject({ code: 0, stdout: '3 200' });
    });
  });
});
