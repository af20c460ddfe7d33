import { describe, expect, test } from 'vitest';
import { expectAcceptable, type Origin } from '../../../src/certs/accept.js';
import { fileKey, rsaKey } from '../../../src/config/slot.js';
import { isRefusal } from '../../../src/engine/refusal.js';
import { readPair, type Pair as CheckedPair } from '../../../src/x509/pair.js';
import { createAuthority } from '../../support/certificates.js';
import { openssl } from '../../support/openssl.js';
import { contextWith, settingsIn } from '../../support/slots.js';
import { meaningOf, readTable } from '../../support/text_table.js';

// What may be in a slot:
//
//   pair    for a.example and *.b.example unless it says something else
//   slot    a name; `rsa` is the RSA slot of a.example, `file` the key of a file that a scan found
//   held    what files would replace: nothing, a pair that is valid, or one that has expired as well
//   files, sender   what becomes of the pair when it comes from there: `taken`, or the code of the refusal
const COLUMNS = ['pair', 'slot', 'held', 'files', 'sender'] as const;
const TABLE = `
pair      | slot             | held    | files            | sender

under the names of the certificate, and what its wildcard covers
good      | a.example        |         | taken            | taken
good      | *.b.example      |         | taken            | taken
good      | x.b.example      | valid   | taken            | taken
good      | c.example        |         | name-not-covered | name-not-covered
good      | c.example        | valid   | name-not-covered | name-not-covered
good      | b.example        |         | name-not-covered | name-not-covered
good      | x.y.b.example    |         | name-not-covered | name-not-covered
good      | *.example        |         | name-not-covered | name-not-covered

the fallback need not be covered
good      | fallback.example |         | taken            | taken
expired   | fallback.example | valid   | expired          | expired
bare      | fallback.example |         | unsupported-key  | taken

a scanned file is for whatever names it has, and has to have one
good      | file             |         | taken            | taken
nameless  | file             |         | name-not-covered | name-not-covered
nameless  | a.example        |         | name-not-covered | name-not-covered
nameless  | fallback.example |         | taken            | taken

the RSA slot is for RSA keys, and the first one for all
rsa       | rsa              |         | taken            | taken
rsa       | a.example        |         | taken            | taken
good      | rsa              |         | unsupported-key  | unsupported-key
good      | rsa              | expired | unsupported-key  | unsupported-key

without a store a key in files proves itself, and that of a sender is proven elsewhere
bare      | a.example        |         | unsupported-key  | taken
bare      | file             |         | unsupported-key  | taken

an expired pair comes from files alone, and not in the place of a valid one
expired   | a.example        |         | taken            | expired
expired   | a.example        | expired | taken            | expired
expired   | a.example        | valid   | expired          | expired
expired   | file             |         | taken            | expired
expired   | file             | valid   | expired          | expired

the name is looked at before the time, and the key before both
expired   | c.example        | valid   | name-not-covered | name-not-covered
expired   | rsa              | valid   | unsupported-key  | unsupported-key
`;

const NAMES = ['a.example', '*.b.example'];
const late = { notBefore: new Date(0), notAfter: new Date(1000) };
const authority = await createAuthority();
const [good, expired, nameless, rsa] = await Promise.all([
  authority.issue({ names: NAMES }),
  authority.issue({ names: NAMES, ...late }),
  authority.issue({ names: ['no name'] }),
  authority.issue({ names: NAMES, keyType: 'rsa' }),
]);
const PAIRS: Record<string, CheckedPair> = {
  good: readPair(good.chainPem, good.keyPem),
  expired: readPair(expired.chainPem, expired.keyPem),
  nameless: readPair(nameless.chainPem, nameless.keyPem),
  rsa: readPair(rsa.chainPem, rsa.keyPem),
  bare: readPair(good.chainPem, openssl(['ec', '-no_public'], good.keyPem)),
};

const SLOTS: Record<string, string> = { rsa: rsaKey('a.example'), file: fileKey('site') };
const HELD_UNTIL = { '': 0, valid: Date.now() / 1000 + 60, expired: 1 };
const context = contextWith(settingsIn('/certs', { fallback: 'fallback.example' }));

/** The refusal of a pair; undefined where it is taken. */
function refusalOf(pair: CheckedPair, slot: string, origin: Origin): Error | undefined {
  try {
    expectAcceptable(context, slot, pair, origin);
    return undefined;
  } catch (e) {
    return e as Error;
  }
}

function answerOf(pair: CheckedPair, slot: string, origin: Origin): string {
  const refusal = refusalOf(pair, slot, origin);
  if (refusal === undefined) return 'taken';
  return isRefusal(refusal) ? refusal.code : `${refusal.name}: ${refusal.message}`;
}

const sections = readTable(COLUMNS, TABLE);

describe.each(sections.map(({ title, rows }) => [title, rows] as const))('%s', (_, rows) => {
  test.each(rows.map((row) => [row.pair, row.slot, row.held || 'nothing', row] as const))(
    '%s in %s, where %s is held',
    (_pair, _slot, _held, row) => {
      const pair = meaningOf(PAIRS, row.pair);
      const slot = SLOTS[row.slot] ?? row.slot;
      const heldUntil = meaningOf<number>(HELD_UNTIL, row.held);
      expect({
        files: answerOf(pair, slot, { from: 'files', heldUntil }),
        sender: answerOf(pair, slot, { from: 'sender' }),
      }).toEqual({ files: row.files, sender: row.sender });
    },
  );
});

test('with a store an unproven key is taken from files, and checked in all else', () => {
  const stored = { ...context, store: { root: '/store', id: '1:2' } };
  const origin: Origin = { from: 'files', heldUntil: 0 };
  expectAcceptable(stored, 'a.example', PAIRS['bare']!, origin);
  expect(() => {
    expectAcceptable(stored, 'c.example', PAIRS['bare']!, origin);
  }).toThrow(expect.objectContaining({ code: 'name-not-covered' }));
});

test.each([
  ['the name', 'good', 'c.example', 'the certificate is not for c.example'],
  [
    'the name, and not the slot',
    'good',
    'rsa',
    '$cert_file_rsa, is for RSA keys, and this one is EC',
  ],
  ['the time', 'expired', 'a.example', 'has expired at 1970-01-01T00:00:01.000Z'],
])('a refusal tells %s', (_, pair, slot, text) => {
  const refusal = refusalOf(PAIRS[pair]!, SLOTS[slot] ?? slot, { from: 'sender' });
  expect(refusal?.message).toContain(text);
});
