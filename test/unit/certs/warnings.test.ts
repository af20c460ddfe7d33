import { rmSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import { entryOf as describeEntry } from '../../../src/admin/entry.js';
import { entryOfVersion } from '../../../src/certs/entry_text.js';
import { installPair } from '../../../src/certs/install.js';
import { pemIn } from '../../../src/certs/pem_of_record.js';
import { refreshSlot } from '../../../src/certs/refresh.js';
import { slotPaths } from '../../../src/config/paths.js';
import { LONGEST_ENTRY } from '../../../src/disk/entries.js';
import { readPair } from '../../../src/x509/pair.js';
import { readMeta } from '../../../src/zone/record.js';
import { createAuthority } from '../../support/certificates.js';
import { useStoredSlot } from '../../support/stored_slot.js';
import { entryOf } from '../../support/stores.js';

// What a pair is told to be served in spite of: in its record, in the store, in the API, and once in the log.

const NAME = 'a.example';
const DAY_MS = 86_400_000;
const authority = await createAuthority();
const good = await authority.issue({ names: [NAME] });
const intermediate = good.chainPem.slice(good.certPem.length);
const twice = { chainPem: good.chainPem + intermediate, keyPem: good.keyPem };
const alone = { chainPem: good.certPem, keyPem: good.keyPem };

const LEFT_OUT = 'Certificate 3 was left out: the chain does not need it.';
const NO_ISSUER =
  'The certificate of the issuer, CN=Test intermediate, is not there: clients that do not have it refuse the connection.';

const slot = useStoredSlot(NAME);

/** Writes files, and looks at them as a handshake does after a clear. */
function lookAt(pair: typeof twice): string {
  slot.write(pair);
  return slot.lookAfterClear();
}

const warningsOf = (record: string): string[] =>
  describeEntry(NAME, record, readMeta(record)!).warnings;
const logged = (): string[] => slot.context.lines.filter((line) => line.startsWith('warn: '));

describe('files', () => {
  test('that were repaired are served, described, and told in the log once per change', () => {
    const record = lookAt(twice);
    expect(pemIn(record)).toContain(good.chainPem);
    expect(warningsOf(record)).toEqual([LEFT_OUT]);
    const line = `warn: cert_rotation: ${NAME}: ${slot.folder}/${NAME}.cert.pem: ${LEFT_OUT}`;
    expect(logged()).toEqual([line]);
    // Another look at the same.
    expect(warningsOf(lookAt(twice))).toEqual([LEFT_OUT]);
    expect(logged()).toEqual([line]);
    // The pair is the same, and the files are in order by now.
    expect(warningsOf(lookAt(good))).toEqual([]);
    expect(warningsOf(lookAt(twice))).toEqual([LEFT_OUT]);
    expect(logged()).toEqual([line, line]);
  });

  test('without their intermediate are served as well', () => {
    expect(warningsOf(lookAt(alone))).toEqual([NO_ISSUER]);
    expect(logged()).toHaveLength(1);
  });

  test('are told of by an nginx that knows the store alone', () => {
    lookAt(twice);
    expect(entryOf(slot.store, NAME)).toMatchObject({ meta: { warnings: [LEFT_OUT] } });
    slot.zone.clear();
    rmSync(slotPaths(slot.context.settings, NAME).cert);
    rmSync(slotPaths(slot.context.settings, NAME).key);
    expect(warningsOf(refreshSlot(slot.context, NAME))).toEqual([LEFT_OUT]);
  });
});

test('a put that was repaired is described so, also when it goes on without files', () => {
  const pair = readPair(twice.chainPem, twice.keyPem);
  const [record] = installPair(slot.context, slot.zone, [NAME], pair, '');
  expect(warningsOf(record!)).toEqual([LEFT_OUT]);
  expect(warningsOf(slot.lookAfterClear())).toEqual([LEFT_OUT]);
  expect(logged()).toEqual([]);
});

test('a certificate that ends within a day is told so, until it has ended', () => {
  const record = lookAt(good);
  const { notAfter } = readMeta(record)!;
  const told = (leftMs: number): string[] => {
    vi.setSystemTime(notAfter * 1000 - leftMs);
    return warningsOf(record);
  };
  const end = new Date(notAfter * 1000).toISOString();
  expect(told(DAY_MS + 1)).toEqual([]);
  expect(told(DAY_MS)).toEqual([`The certificate ends at ${end}, within a day.`]);
  expect(told(0)).toEqual([`The certificate ends at ${end}, within a day.`]);
  expect(told(-1)).toEqual([]);
});

test('the entry in the store goes without them where they are too long for a link', () => {
  const warnings = [`The certificate of the issuer, O=${'ß'.repeat(500)}, is not there.`];
  const meta = { source: 'api', files: '', notAfter: 8, loadedAt: 7 } as const;
  const entry = entryOfVersion('v', 't', { ...meta, warnings });
  expect(Buffer.byteLength(entry)).toBeLessThan(LONGEST_ENTRY);
  expect(JSON.parse(entry)).toEqual({ version: 'v', token: 't', meta });
});
