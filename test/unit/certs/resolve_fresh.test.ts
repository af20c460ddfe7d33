import { mkdirSync } from 'node:fs';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { LONGEST_FRESH_MS } from '../../../src/config/settings.js';
import { clearAll, clearToken, FIRST_TOKEN } from '../../../src/zone/clear_token.js';
import { tryLock } from '../../../src/zone/locks.js';
import { noteMissing } from '../../../src/zone/misses.js';
import { checkedAt, isFresh, isVersion, makeRecord, pemOf } from '../../../src/zone/record.js';
import { createAuthority } from '../../support/certificates.js';
import { Handshakes } from '../../support/handshakes.js';
import { FIRST, META, PROBLEM, SECOND, THIRD, fileFor } from '../../support/scanned.js';
import { pemIn } from '../../support/slots.js';

const NAME = 'a.b.example';
const WILDCARD = '*.b.example';

const authority = await createAuthority();
const pair = await authority.issue({ names: [NAME] });
const site = new Handshakes();

describe('a pair that is held', () => {
  test.each([
    ['fresh', 0, 0],
    ['fresh', site.interval - 1, 0],
    ['stale', site.interval, 1],
  ])('is %s after %d ms', (_, age, looks) => {
    const record = site.hold(NAME);
    const count = site.countLooks(NAME);
    vi.setSystemTime(site.now + age);
    expect(pemOf(site.ask(NAME))).toBe(pemOf(record));
    expect(Math.min(count(), 1)).toBe(looks);
  });

  test('is fresh again after a look', () => {
    site.hold(NAME);
    site.write(NAME, pair);
    vi.setSystemTime(site.now + site.interval);
    expect(pemOf(site.ask(NAME))).toBe(pemIn(pair));
    expect(checkedAt(site.zone.get(NAME)!)).toBe(site.now + site.interval);
    const count = site.countLooks(NAME);
    vi.setSystemTime(site.now + 2 * site.interval - 1);
    site.ask(NAME);
    expect(count()).toBe(0);
  });

  test('is stale after a clear, and only after that with an interval of 0', () => {
    site.variables['cert_check_interval'] = '0';
    site.hold(NAME);
    site.write(NAME, pair);
    vi.setSystemTime(site.now + 100 * site.interval);
    expect(pemOf(site.ask(NAME))).not.toBe(pemIn(pair));
    clearAll(site.zone);
    expect(pemOf(site.ask(NAME))).toBe(pemIn(pair));
  });

  test('is served while another worker looks at its files', () => {
    const record = site.hold(NAME);
    site.write(NAME, pair);
    vi.setSystemTime(site.now + site.interval);
    tryLock(site.zone, NAME);
    expect(site.ask(NAME)).toBe(record);
  });
});

describe('a look that finds the store and the files as they were', () => {
  /** Asks for the name when the store is due again. */
  function askLater(): { answer: string; keys: string[]; stringified: number } {
    vi.setSystemTime(site.now + LONGEST_FRESH_MS);
    const set = vi.spyOn(site.zone, 'set');
    const stringify = vi.spyOn(JSON, 'stringify');
    const answer = site.ask(NAME);
    const keys = set.mock.calls.map(([key]) => key).filter((key) => key !== '#swept');
    return { answer, keys, stringified: stringify.mock.calls.length };
  }

  beforeEach(() => {
    site.write(NAME, pair);
    mkdirSync(`${site.folder}/store`, { mode: 0o700 });
    site.variables['cert_store'] = `${site.folder}/store`;
  });

  test.each(['10', '3600', '0'])('with an interval of %s s stores the record alone', (interval) => {
    site.variables['cert_check_interval'] = interval;
    const before = site.ask(NAME);
    const { answer, keys, stringified } = askLater();
    expect(answer).toBe(before);
    expect(keys).toEqual([`#lock:${NAME}`, NAME]);
    expect(stringified).toBe(0);
    expect(isFresh(site.zone.get(NAME)!, clearToken(site.zone), 0)).toBe(true);
  });

  test('has a pair of text written into the store', () => {
    delete site.variables['cert_store'];
    expect(isVersion(site.ask(NAME))).toBe(false);
    site.variables['cert_store'] = `${site.folder}/store`;
    expect(askLater().answer).toContain(`${site.folder}/store/`);
  });
});

describe('a name whose files were refused', () => {
  test.each([
    [10_000, 1000],
    [500, 500],
    [0, 1000],
  ])('with an interval of %d ms is tried again after %d ms', (interval, retry) => {
    site.variables['cert_check_interval'] = `${interval / 1000}`;
    site.write(NAME, pair);
    site.zone.set(NAME, makeRecord(FIRST_TOKEN, { ...META, files: '', problem: PROBLEM }, null));
    vi.setSystemTime(site.now + retry - 1);
    expect(site.ask(NAME)).toBe('');
    vi.setSystemTime(site.now + retry);
    expect(pemOf(site.ask(NAME))).toBe(pemIn(pair));
  });

  test('is served the next in the order', () => {
    const wildcard = site.hold(WILDCARD);
    site.zone.set(NAME, makeRecord(FIRST_TOKEN, { ...META, problem: PROBLEM }, null));
    expect(site.ask(NAME)).toBe(wildcard);
  });
});

describe('a name without files', () => {
  test('is noted, and not looked for until an interval later', () => {
    const count = site.countLooks(NAME);
    expect(site.ask(NAME)).toBe('');
    expect(site.zone.keys()).toEqual(['#clear']);
    const first = count();
    expect(first).toBeGreaterThan(0);
    site.write(NAME, pair);
    vi.setSystemTime(site.now + site.interval - 1);
    expect(site.ask(NAME)).toBe('');
    expect(count()).toBe(first);
    vi.setSystemTime(site.now + site.interval);
    expect(pemOf(site.ask(NAME))).toBe(pemIn(pair));
  });

  test('is looked for after a clear', () => {
    site.ask(NAME);
    site.write(NAME, pair);
    clearAll(site.zone);
    expect(pemOf(site.ask(NAME))).toBe(pemIn(pair));
  });

  test('is looked for each time without a zone of negative answers', () => {
    vi.stubGlobal('ngx', { shared: { certs: site.zone }, worker_id: 0 });
    site.ask(NAME);
    site.write(NAME, pair);
    expect(pemOf(site.ask(NAME))).toBe(pemIn(pair));
  });

  test('and that is held all the same is served', () => {
    site.ask(NAME);
    const record = site.hold(NAME);
    expect(site.ask(NAME)).toBe(record);
  });
});

test('a pair that is stale is looked at, and no negative answer is asked', () => {
  const record = site.hold(NAME);
  vi.setSystemTime(site.now + 1);
  noteMissing(site.misses, NAME, FIRST_TOKEN);
  vi.setSystemTime(site.now + site.interval);
  expect(pemOf(site.ask(NAME))).toBe(pemOf(record));
});

describe('a pointer', () => {
  beforeEach(() => {
    site.variables['cert_scan'] = `${site.folder}/scanned/*.pem`;
  });

  const found = (key: string, names = [NAME]): string => {
    const record = fileFor(names, { files: key, notAfter: site.now / 1000 + 60 });
    site.zone.set(key, record);
    return record;
  };

  test('leads to the pair of its file', () => {
    const record = found(FIRST);
    site.holdPointer(NAME, FIRST);
    expect(site.ask(NAME)).toBe(record);
  });

  test('gives way to files of its own when it is stale', () => {
    found(FIRST);
    site.holdPointer(NAME, FIRST);
    site.write(NAME, pair);
    vi.setSystemTime(site.now + site.interval);
    site.zone.set(FIRST, fileFor([NAME], {}));
    expect(pemOf(site.ask(NAME))).toBe(pemIn(pair));
  });

  test('to a file that has the name no more leads nowhere', () => {
    found(FIRST, ['other.example']);
    site.holdPointer(NAME, FIRST);
    const wildcard = site.hold(WILDCARD);
    expect(site.ask(NAME)).toBe(wildcard);
  });

  test('to a file that is gone leads nowhere', () => {
    site.holdPointer(NAME, FIRST);
    const wildcard = site.hold(WILDCARD);
    expect(site.ask(NAME)).toBe(wildcard);
  });

  /** Has something happen when a key is first read. */
  function whenRead(key: string, work: () => void): void {
    const get = site.zone.get.bind(site.zone);
    let isDone = false;
    vi.spyOn(site.zone, 'get').mockImplementation((asked) => {
      const value = get(asked);
      if (asked === key && !isDone) {
        isDone = true;
        work();
      }
      return value;
    });
  }

  test('that is turned while its file is looked at is followed', () => {
    found(FIRST, ['other.example']);
    const record = found(SECOND);
    site.holdPointer(NAME, FIRST);
    whenRead(FIRST, () => {
      site.holdPointer(NAME, SECOND);
    });
    expect(site.ask(NAME)).toBe(record);
  });

  test('in whose place a pair comes meanwhile leads to that', () => {
    found(FIRST, ['other.example']);
    site.holdPointer(NAME, FIRST);
    let record = '';
    whenRead(FIRST, () => {
      record = site.hold(NAME);
    });
    expect(site.ask(NAME)).toBe(record);
  });

  test('is followed three times, and no more', () => {
    const turns = [FIRST, SECOND, THIRD];
    const last = '*file:fourth';
    for (const key of turns) found(key, ['other.example']);
    found(last);
    site.holdPointer(NAME, FIRST);
    const get = site.zone.get.bind(site.zone);
    vi.spyOn(site.zone, 'get').mockImplementation((asked) => {
      const value = get(asked);
      const next = turns.indexOf(asked) + 1;
      if (next > 0) site.holdPointer(NAME, turns[next] ?? last);
      return value;
    });
    expect(site.ask(NAME)).toBe('');
    vi.restoreAllMocks();
    expect(site.ask(NAME)).toBe(get(last));
  });
});
