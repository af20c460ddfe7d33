import { X509Certificate, createPublicKey } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { hexOf, readWhole, write } from '../../../src/x509/der.js';
import { makeWorkDirectory } from '../../support/nginx.js';
import { der, leaf, pem } from '../../support/openssl.js';
import { LEAF_NAMES, pointless } from '../../support/pairs/made.js';
import { makePairCases, type PairCase } from '../../support/pairs/index.js';
import { startPutSite } from '../../support/putting.js';

/** An EC key that has its public part beside it, and not in it (RFC 5958). */
function attachedPoint(): PairCase {
  const made = leaf(LEAF_NAMES);
  const info = hexOf(readWhole(der(pointless.pkcs8(made.key)), 0x30, 'it'));
  const spki = createPublicKey(made.key).export({ type: 'spki', format: 'der' });
  const point = write(0x81, '00' + spki.subarray(-65).toString('hex'));
  const text = pem(
    'PRIVATE KEY',
    Buffer.from(write(0x30, '020101' + info.slice(6) + point), 'hex'),
  );
  return {
    title: 'PKCS#8 with the point beside it',
    cert: made.pem + text,
    ...{ read: 'taken', disk: 'taken', renewal: 'taken', put: 'taken' },
    served: { chain: made.pem, key: made.key },
  };
}

/** The members of an answer that matter here. */
interface Answer {
  code?: string;
  detail?: string;
  key_proven?: boolean;
}

const cases = [...(await makePairCases()), attachedPoint()];

describe('with a store', async () => {
  const options = {
    directory: makeWorkDirectory(),
    zones: 'js_shared_dict_zone zone=certs:4m;',
    store: true,
  };
  const site = await startPutSite(options);
  const offers = cases.map((offer, i) => ({ ...offer, offer, name: `case-${i}.a.example` }));
  const taken: Record<string, string> = {};
  /** The kinds of keys that this njs could not prove. */
  const unproven = new Set<string>();

  test.each(offers)('a put of: $title: $put', async ({ name, cert, key, put, putNeeds, offer }) => {
    const isJson = key !== undefined;
    const { status, body } = await site.put(name, isJson ? JSON.stringify({ cert, key }) : cert);
    const { code = 'taken', detail, key_proven } = JSON.parse(body) as Answer;
    // Not every njs has these kinds of keys: there is a store, and nginx finds what is wrong.
    const isUnproven = putNeeds !== undefined && key_proven === false;
    expect(code, detail).toBe(isUnproven ? 'taken' : put);
    expect(key_proven).toBe(code === 'taken' ? !isUnproven : undefined);
    if (isUnproven) unproven.add(putNeeds);
    if (isUnproven && put !== 'taken') {
      await expect(site.serial(name)).rejects.toThrow();
      return;
    }
    if (code !== 'taken') {
      expect([400, 422]).toContain(status);
      expect((await site.get(name)).status).toBe(404);
      await expect(site.serial(name)).rejects.toThrow();
      return;
    }
    const serial = new X509Certificate(offer.served!.chain).serialNumber;
    expect([status, await site.serial(name)]).toEqual([201, serial]);
    taken[name] = serial;
  });

  test('Ed448 is proven by no njs, and Ed25519 by some builds of 0.9.7 and later', () => {
    expect(unproven).toContain('Ed448');
  });

  test('whatever was taken is served by the next nginx', async () => {
    expect(Object.keys(taken).length).toBeGreaterThan(20);
    site.expectNoKeyShown();
    await site.nginx.stop();
    const again = await startPutSite(options);
    for (const [name, serial] of Object.entries(taken)) {
      expect(await again.serial(name), name).toBe(serial);
    }
  });
});
