import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { History, tell, type Served } from '../../load/history.js';
import { identityOf, serialOf } from '../../load/serial_number.js';

const NAME = 7;

/** Version 1 acknowledged at 10, version 2 issued at 20 and acknowledged at 30, version 3 issued at 40. */
function history(): History {
  const made = new History(NAME, 'a.example');
  made.issue('clear', 5).acknowledgedAt = 10;
  made.issue('put', 20).acknowledgedAt = 30;
  made.issue('files', 40);
  return made;
}

function served(version: number, startedAt: number, endedAt = startedAt + 1): Served {
  return { startedAt, endedAt, identity: { name: NAME, version } };
}

describe('a handshake', () => {
  test.each([
    ['what was acknowledged before it started', 1, 12, 13],
    ['what was acknowledged while it ran', 2, 29, 31],
    ['what was replaced while it ran', 1, 29, 31],
    ['what is issued, and not yet acknowledged', 2, 22, 23],
    ['what was there before that', 1, 22, 23],
    ['what was issued while it ran', 3, 39, 41],
    ['what never got an answer, also long after', 3, 1000, 1001],
    ['what was acknowledged before that, also long after', 2, 1000, 1001],
  ])('may serve %s', (_, version, startedAt, endedAt) => {
    expect(history().violation(served(version, startedAt, endedAt))).toBeUndefined();
  });

  test.each([
    ['what was replaced before it started', 1, 30, 31, 'version 1, where 2 was acknowledged'],
    ['what was issued after it ended', 3, 38, 39, 'version 3, which was not yet issued'],
    ['what is never issued', 4, 1000, 1001, 'version 4, which was not yet issued'],
    ['version 0', 0, 1000, 1001, 'version 0, which was not yet issued'],
  ])('must not serve %s', (_, version, startedAt, endedAt, violation) => {
    expect(history().violation(served(version, startedAt, endedAt))).toBe(violation);
  });

  test('must not serve the certificate of another name', () => {
    const identity = { name: NAME + 1, version: 2 };
    expect(history().violation({ startedAt: 50, endedAt: 51, identity })).toBe(
      'the certificate of another name (8)',
    );
  });

  test('must not serve a certificate of another run', () => {
    expect(history().violation({ startedAt: 50, endedAt: 51, identity: undefined })).toBe(
      'a certificate that was never issued',
    );
  });

  test('may serve what was refused while it ran, and not what was refused before', () => {
    const made = history();
    made.versions[2]!.refusedAt = 45;
    expect(made.violation(served(3, 44, 46))).toBeUndefined();
    expect(made.violation(served(3, 45))).toBe('version 3, which had been refused');
    expect(made.violation(served(2, 45))).toBeUndefined();
  });

  test('may serve either until the acknowledgement, and then not', () => {
    const made = history();
    made.versions[2]!.acknowledgedAt = 1041;
    for (const version of [2, 3]) {
      expect(made.violation(served(version, 1040))).toBeUndefined();
    }
    expect(made.violation(served(2, 1041))).toBe('version 2, where 3 was acknowledged');
    expect(made.violation(served(3, 1041))).toBeUndefined();
  });

  test('is judged by the latest acknowledged version, whatever came after it', () => {
    const made = history();
    made.issue('put', 50).refusedAt = 55;
    made.issue('put', 60);
    expect(made.acknowledgedBy(100)).toBe(2);
    expect(made.violation(served(1, 100))).toBe('version 1, where 2 was acknowledged');
  });
});

test('a served version is good exactly where a writer that never errs could have had it in place', () => {
  const spans = fc.array(
    fc.tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 20 })),
    {
      minLength: 1,
      maxLength: 8,
    },
  );
  const property = fc.property(
    spans,
    fc.nat(100),
    fc.nat(20),
    fc.nat(8),
    (steps, start, long, i) => {
      const made = new History(NAME, 'a.example');
      let at = 0;
      for (const [pause, work] of steps) {
        const version = made.issue('put', (at += pause));
        version.acknowledgedAt = at += work;
      }
      const version = made.versions[i];
      // In place at some time between issue and acknowledgement, and until some such time of the next.
      const next = made.versions[i + 1];
      const isPossible =
        version !== undefined &&
        version.issuedAt <= start + long &&
        (next === undefined || start < next.acknowledgedAt);
      const violation = made.violation(served(i + 1, start, start + long));
      expect(violation === undefined).toBe(isPossible);
    },
  );
  fc.assert(property);
});

test('a violation is told with the versions around it', () => {
  const made = history();
  made.versions[2]!.refusedAt = 45;
  const handshake = served(1, 50, 52);
  expect(tell(made, handshake, made.violation(handshake)!)).toEqual([
    'a.example: served version 1, where 2 was acknowledged; it ended 2.0',
    '  version 1 by clear: issued -45.0, acknowledged -40.0',
    '  version 2 by put: issued -30.0, acknowledged -20.0',
    '  version 3 by files: issued -10.0, refused -5.0',
  ]);
});

describe('a serial number', () => {
  const RUN = '00C0FFEE';

  test('says name and version', () => {
    const numbers = fc.integer({ min: 0, max: 0xffffff });
    fc.assert(
      fc.property(numbers, numbers, (name, version) => {
        expect(identityOf(RUN, serialOf(RUN, { name, version }))).toEqual({ name, version });
      }),
    );
  });

  test.each([
    ['another run', serialOf('00C0FFEF', { name: 1, version: 1 })],
    ['something longer', serialOf(RUN, { name: 1, version: 1 }) + '00'],
    ['nothing', ''],
  ])('of %s says nothing', (_, serial) => {
    expect(identityOf(RUN, serial)).toBeUndefined();
  });
});
