import { createPrivateKey, X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { createLeaves } from '../../load/scale/leaves.js';
import { nameOf, sampleOf } from '../../load/scale/names.js';

test.each([
  ['ec', 3200],
  ['rsa', 5300],
] as const)("%s: each leaf is good, and nobody else's", async (keyType, length) => {
  const leaves = await createLeaves(keyType);
  const seen = new Set<string>();
  for (const index of [0, 7, 99_999]) {
    const name = nameOf(index);
    const { chainPem, keyPem, serial } = leaves.issue(name);
    const [leaf, intermediate] = chainPem
      .split(/(?<=-----END CERTIFICATE-----\n)/)
      .map((pem) => new X509Certificate(pem));
    expect(leaf!.verify(intermediate!.publicKey)).toBe(true);
    expect(leaf!.checkPrivateKey(createPrivateKey(keyPem))).toBe(true);
    expect(leaf!.subject).toBe(`CN=${name}`);
    expect(leaf!.subjectAltName).toBe(`DNS:${name}`);
    expect(leaf!.serialNumber).toBe(serial);
    expect(Math.abs(chainPem.length + keyPem.length - length)).toBeLessThan(100);
    seen.add(serial).add(keyPem);
  }
  expect(seen.size).toBe(keyType === 'ec' ? 6 : 4);
});

test('a sample is spread over all names, and no larger than they are', () => {
  expect(sampleOf(1000, 4)).toEqual([0, 250, 500, 750].map(nameOf));
  expect(sampleOf(3, 10)).toEqual([0, 1, 2].map(nameOf));
});
