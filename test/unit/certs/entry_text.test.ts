import { describe, expect, test } from 'vitest';
import { entryOfVersion, tokenIn, versionOfEntry } from '../../../src/certs/entry_text.js';
import { LONGEST_ENTRY } from '../../../src/disk/entries.js';
import type { RecordMeta } from '../../../src/zone/meta.js';
import { STALE_TOKEN } from '../../../src/zone/record.js';

const TOKEN = 'mstoretoken1';
const META: RecordMeta = { source: 'api', files: '', notAfter: 8, loadedAt: 7 };

describe('the text of an entry', () => {
  const version = `${'f'.repeat(64)}.${'x'.repeat(12)}+`;
  const STAMP = '64769:1234567:4096:1790000000000.123:1790000000000.123';
  const LONGEST: RecordMeta = {
    ...{ source: 'etcd', files: `${STAMP} ${STAMP}`, notAfter: 9_999_999_999 },
    ...{
      loadedAt: 9_999_999_999_999,
      isCleared: true,
      before: version,
      etcd: 'mabcdefgh:123456789',
    },
  };

  test('has neither the store that it is in, nor why newer files were refused', () => {
    const problem = { code: 'weak', detail: 'No.' };
    const text = entryOfVersion(version, TOKEN, { ...META, store: '1:2', problem });
    expect(JSON.parse(text)).toEqual({ version, token: TOKEN, meta: META });
    expect([versionOfEntry(text), tokenIn(text)]).toEqual([version, TOKEN]);
  });

  test('has the names of a file while they fit, and is never too long for a link', () => {
    const lengths = [];
    for (let count = 0; count < 100; count++) {
      const names = Array.from({ length: count }, (_, i) => `name-${i}.example`);
      const found = { names, isRsa: false, notBefore: 1_700_000_000 };
      const text = entryOfVersion(version, TOKEN, { ...LONGEST, found });
      const kept = (JSON.parse(text) as { meta: RecordMeta }).meta.found;
      if (kept) expect(kept).toEqual(found);
      lengths.push(text.length);
    }
    expect(Math.max(...lengths)).toBeLessThanOrEqual(LONGEST_ENTRY);
    expect(Math.max(...lengths)).toBeGreaterThan(LONGEST_ENTRY - 20);
    expect(lengths.at(-1)).toBe(entryOfVersion(version, TOKEN, LONGEST).length);
  });

  test.each([undefined, '', 'junk', 'null', '{}'])('may be none: %j', (text) => {
    expect(versionOfEntry(text)).toBe('');
    expect(tokenIn(text ?? '')).toBe(STALE_TOKEN);
  });
});
