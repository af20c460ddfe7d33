import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { makeWorkDirectory } from '../../support/nginx.js';
import { startPutSite, type PutSite } from '../../support/putting.js';

// Runs on njs, debian13: what differs is njs's WebCrypto and OpenSSL, and not the engine.
// Keys of kinds that nothing can compare with their certificate: with a store they are served as nginx serves them, and are said to
// be unproven; without one they are refused. OpenSSL in the image makes them, and is the client: that of the machine may not have all.

/** By name, the arguments of `openssl genpkey`, and the type that is shown. */
const KINDS: [string, string, string][] = [
  ['ed448', 'ED448', 'Ed448'],
  ['mldsa44', 'ML-DSA-44', 'ML-DSA-44'],
  ['mldsa65', 'ML-DSA-65', 'ML-DSA-65'],
  ['mldsa87', 'ML-DSA-87', 'ML-DSA-87'],
  ['brainpool', 'EC -pkeyopt group:brainpoolP256r1', 'ECDSA-brainpoolP256r1'],
];
const NAMES = KINDS.map(([name]) => `${name}.example`);
const CERTS = '/etc/nginx/certs';

/** Makes a pair for each kind, and another key of it. */
async function makePairs({ nginx }: PutSite): Promise<void> {
  const lines = KINDS.map(
    ([name, algorithm]) => `
      for key in ${name}.example.key.pem ${name}.other; do
        openssl genpkey -algorithm ${algorithm} -out ${CERTS}/$key; done
      openssl req -x509 -days 30 -key ${CERTS}/${name}.example.key.pem -subj /CN=a -out ${CERTS}/${name}.example.cert.pem \\
        -addext subjectAltName=DNS:${name}.example,DNS:put.${name}.example,DNS:wrong.${name}.example`,
  );
  const script = `set -e; ${lines.join('\n')}\nchmod 644 ${CERTS}/*`;
  const { exitCode, stderr } = await nginx.exec(['sh', '-c', script]);
  expect(exitCode, stderr).toBe(0);
}

/** Whether a client that trusts a name's certificate gets it in a handshake for a server name. */
async function isServed({ nginx }: PutSite, name: string, servername = name): Promise<boolean> {
  const trusted = `-CAfile ${CERTS}/${name}.cert.pem -verify_return_error -verify_hostname ${servername}`;
  const client = `openssl s_client -connect 127.0.0.1:8443 -servername ${servername} ${trusted}`;
  const { exitCode } = await nginx.exec(['sh', '-c', `${client} </dev/null`]);
  return exitCode === 0;
}

const read = ({ nginx }: PutSite, file: string): string =>
  readFileSync(join(nginx.certsDirectory, file), 'utf8');

const kinds = NAMES.map((name, i) => [KINDS[i]![2], name, KINDS[i]![0]] as const);

describe('with a store', async () => {
  const site = await startPutSite({ store: true, directory: makeWorkDirectory() });
  await makePairs(site);

  test.each(kinds)('a pair of files with an %s key', async (key_type, name) => {
    expect(await isServed(site, name)).toBe(true);
    const { body } = await site.get(name);
    expect(JSON.parse(body)).toMatchObject({ key_type, key_proven: false, state: 'ok' });
  });

  test.each(kinds)('a put of one with an %s key', async (key_type, name) => {
    const pem = read(site, `${name}.cert.pem`) + read(site, `${name}.key.pem`);
    const { status, body } = await site.put(`put.${name}`, pem);
    expect([status, JSON.parse(body)]).toEqual([
      201,
      expect.objectContaining({ key_type, key_proven: false }),
    ]);
    expect(await isServed(site, name, `put.${name}`)).toBe(true);
  });

  test.each(kinds)(
    'a put of another %s key fails in its handshakes alone, and shows nothing',
    async (_, name, kind) => {
      const { status } = await site.put(
        `wrong.${name}`,
        read(site, `${name}.cert.pem`) + read(site, `${kind}.other`),
      );
      // The point of the brainpool key tells.
      expect(status).toBe(kind === 'brainpool' ? 422 : 201);
      expect(await isServed(site, name, `wrong.${name}`)).toBe(false);
      expect(await isServed(site, name)).toBe(true);
    },
  );

  test('no byte of a key is in the log', () => {
    site.expectNoKeyShown();
  });
});

describe('without a store', async () => {
  const site = await startPutSite({ directory: makeWorkDirectory() });
  await makePairs(site);

  test.each(kinds)('files and a put with an %s key are refused', async (_, name) => {
    expect(await isServed(site, name)).toBe(false);
    expect(site.nginx.log()).toContain(`cert_rotation: ${name}: unsupported-key: `);
    const pem = read(site, `${name}.cert.pem`) + read(site, `${name}.key.pem`);
    const { status, body } = await site.put(`put.${name}`, pem);
    expect([status, body]).toEqual([422, expect.stringContaining('set $cert_store')]);
  });

  test('no byte of a key is in the log', () => {
    site.expectNoKeyShown();
  });
});
