import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  isLocked,
  isOwnTicket,
  tryLock,
  tryWithLocks,
  unlock,
  withLocks,
  withLocksIfRoom,
} from '../../../src/zone/locks.js';
import { FakeZone, fullError } from '../../support/fake_zone.js';

const NOW = Date.UTC(2026, 0, 1);
const NAME = 'a.example';
const OTHER = 'b.example';
const LOCK_LIFETIME = 5000;

let zone: FakeZone;

beforeEach(() => {
  zone = new FakeZone();
  vi.useFakeTimers({ now: NOW, toFake: ['Date'] });
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** The ticket of a lock; undefined: another worker holds it. */
function lock(zone: FakeZone, slot: string): string | undefined {
  const result = tryLock(zone, slot);
  return result.state === 'locked' ? result.ticket : undefined;
}

/** What another worker does, which has another process number and so other tickets. */
function otherWorker<T>(act: () => T): T {
  const other = process.pid + 1;
  const pid = vi.spyOn(process, 'pid', 'get').mockReturnValue(other);
  try {
    return act();
  } finally {
    pid.mockRestore();
  }
}

const locked = (): string[] => zone.keys().map((key) => key.replace('#lock:', ''));

/** The slots whose locks are tried for from now on, in that order. */
function triedFor(): string[] {
  const tried: string[] = [];
  const add = zone.add.bind(zone);
  vi.spyOn(zone, 'add').mockImplementation((key, value) => {
    tried.push(key.replace('#lock:', ''));
    return add(key, value);
  });
  return tried;
}

/** Has no room for one slot's lock. */
function lackRoomFor(slot: string): void {
  const add = zone.add.bind(zone);
  vi.spyOn(zone, 'add').mockImplementation((key, value) => {
    if (key === `#lock:${slot}`) throw fullError();
    return add(key, value);
  });
}

describe('a lock', () => {
  test('is taken once, until it is given back', () => {
    const ticket = lock(zone, NAME)!;
    expect(isLocked(zone, NAME, ticket)).toBe(true);
    expect(lock(zone, NAME)).toBeUndefined();
    expect(otherWorker(() => lock(zone, NAME))).toBeUndefined();
    unlock(zone, NAME, ticket);
    expect(isLocked(zone, NAME, ticket)).toBe(false);
    expect(otherWorker(() => lock(zone, NAME))).toBeDefined();
  });

  test('is for one name', () => {
    expect(lock(zone, NAME)).toBeDefined();
    expect(lock(zone, 'b.example')).toBeDefined();
  });

  test('is not kept under the name itself, nor leaves anything behind', () => {
    const ticket = lock(zone, NAME)!;
    expect(zone.get(NAME)).toBeUndefined();
    unlock(zone, NAME, ticket);
    expect(zone.values.size).toBe(0);
  });

  test('two workers have different tickets at the same time, and one has another later', () => {
    const one = lock(zone, NAME);
    const other = otherWorker(() => lock(new FakeZone(), NAME));
    vi.setSystemTime(NOW + 1);
    const later = lock(new FakeZone(), NAME);
    expect(new Set([one, other, later]).size).toBe(3);
  });

  test.each<[string, number, boolean]>([
    ['not before its time', LOCK_LIFETIME - 1, false],
    ['after its time', LOCK_LIFETIME, true],
    ['when the clock was set back', -1, true],
  ])('is broken: %s', (_, age, isBroken) => {
    const dead = lock(zone, NAME)!;
    vi.setSystemTime(NOW + age);
    const ticket = lock(zone, NAME);
    expect(ticket !== undefined).toBe(isBroken);
    expect(isLocked(zone, NAME, dead)).toBe(!isBroken);
    if (ticket !== undefined) expect(isLocked(zone, NAME, ticket)).toBe(true);
  });

  test.each<[string, () => true, boolean]>([
    [
      'at once when its holder was killed',
      () => {
        throw new Error('kill failed with (3:No such process)');
      },
      true,
    ],
    [
      'not when nobody may ask for its holder',
      () => {
        throw new Error('kill failed with (1:Operation not permitted)');
      },
      false,
    ],
    ['not when its holder lives', () => true, false],
  ])('is broken: %s', (_, answer, isBroken) => {
    const ticket = otherWorker(() => lock(zone, NAME))!;
    const kill = vi.spyOn(process, 'kill').mockImplementation(answer);
    expect(lock(zone, NAME) !== undefined).toBe(isBroken);
    expect(isLocked(zone, NAME, ticket)).toBe(!isBroken);
    expect(kill).toHaveBeenCalledExactlyOnceWith(process.pid + 1, 0);
  });

  test("one that was broken is not given back in another's stead", () => {
    const slow = lock(zone, NAME)!;
    vi.setSystemTime(NOW + LOCK_LIFETIME);
    const ticket = lock(zone, NAME)!;
    unlock(zone, NAME, slow);
    expect(isLocked(zone, NAME, ticket)).toBe(true);
  });

  test.each<[string, (ticket: string) => void, boolean]>([
    ['holds it, it stays with that one', () => undefined, false],
    [
      'is done, it is free again',
      (ticket) => {
        unlock(zone, NAME, ticket);
      },
      true,
    ],
  ])('two workers find one dead, and the faster %s', (_, proceed, isFree) => {
    const dead = lock(zone, NAME)!;
    vi.setSystemTime(NOW + LOCK_LIFETIME);
    let faster = '';
    vi.spyOn(zone, 'get').mockImplementationOnce(() => {
      // The other one comes between what this one reads and what it does about it.
      faster = otherWorker(() => lock(zone, NAME))!;
      proceed(faster);
      return dead;
    });
    const ticket = lock(zone, NAME);
    expect(ticket !== undefined).toBe(isFree);
    expect(isLocked(zone, NAME, ticket ?? faster)).toBe(true);
  });

  test('that goes while it is looked at is not taken for dead', () => {
    lock(zone, NAME);
    vi.spyOn(zone, 'get').mockReturnValueOnce(undefined);
    expect(lock(zone, NAME)).toBeUndefined();
  });

  test('no room for one is an outcome of its own', () => {
    zone.room = 0;
    expect(tryLock(zone, NAME)).toEqual({ state: 'no-room' });
  });

  test('says whose it is', () => {
    expect(isOwnTicket(lock(zone, NAME)!)).toBe(true);
    expect(isOwnTicket(otherWorker(() => lock(zone, OTHER))!)).toBe(false);
  });
});

describe('work that waits for no lock', () => {
  test('has all of them, and gives them back', () => {
    const result = tryWithLocks(zone, [OTHER, NAME], (attempt) => {
      expect([attempt.state, attempt.isLocked()]).toEqual(['locked', true]);
      expect(locked()).toEqual([OTHER, NAME]);
      return 'done';
    });
    expect(result).toBe('done');
    expect(locked()).toEqual([]);
  });

  test('gives them back when it throws', () => {
    expect(() =>
      tryWithLocks(zone, [NAME, OTHER], () => {
        throw new TypeError('no');
      }),
    ).toThrow('no');
    expect(locked()).toEqual([]);
  });

  test('keeps none while one is busy, and tries for no other', () => {
    const slots = [NAME, 'busy.example', OTHER];
    const ticket = otherWorker(() => lock(zone, 'busy.example'))!;
    vi.spyOn(process, 'kill').mockReturnValue(true);
    const tried = triedFor();
    tryWithLocks(zone, slots, (attempt) => {
      expect([attempt.state, attempt.isLocked()]).toEqual(['busy', false]);
      expect(locked()).toEqual(['busy.example']);
    });
    expect(tried).toEqual([NAME, 'busy.example']);
    expect(isLocked(zone, 'busy.example', ticket)).toBe(true);
  });

  test('is done with those that there is room for, and knows that one lacks', () => {
    lackRoomFor(OTHER);
    tryWithLocks(zone, [NAME, OTHER, 'c.example'], (attempt) => {
      expect([attempt.state, attempt.isLocked()]).toEqual(['no-room', false]);
      expect(locked()).toEqual([NAME, 'c.example']);
    });
    expect(locked()).toEqual([]);
  });

  test('is busy where one is, though another lacked room', () => {
    lackRoomFor(NAME);
    lock(zone, OTHER);
    tryWithLocks(zone, [NAME, OTHER], ({ state }) => {
      expect(state).toBe('busy');
    });
  });

  test('learns that one was broken meanwhile, and leaves it to its new holder', () => {
    tryWithLocks(zone, [NAME, OTHER], (attempt) => {
      vi.setSystemTime(NOW + LOCK_LIFETIME);
      otherWorker(() => lock(zone, OTHER));
      expect(attempt.isLocked()).toBe(false);
    });
    expect(locked()).toEqual([OTHER]);
  });

  test('of no slot is done', () => {
    expect(tryWithLocks(zone, [], (attempt) => [attempt.state, attempt.isLocked()])).toEqual([
      'locked',
      true,
    ]);
  });
});

describe.each([
  ['work that waits for locks', withLocks],
  ['work that makes room and waits for locks', withLocksIfRoom],
])('%s', (_, run) => {
  test('has all of them, in one order everywhere, and gives them back', async () => {
    const tried = triedFor();
    const result = await run(zone, [OTHER, '#etcd', NAME], () => locked());
    expect(result).toEqual(['#etcd', NAME, OTHER]);
    expect(tried).toEqual(['#etcd', NAME, OTHER]);
    expect(locked()).toEqual([]);
  });

  test('gives them back when it throws', async () => {
    const work = (): never => {
      throw new TypeError('no');
    };
    await expect(run(zone, [NAME, OTHER], work)).rejects.toThrow('no');
    expect(locked()).toEqual([]);
  });

  test('waits until one is free', async () => {
    const ticket = lock(zone, OTHER)!;
    let isDone = false;
    const done = run(zone, [NAME, OTHER], () => (isDone = true));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(isDone).toBe(false);
    unlock(zone, OTHER, ticket);
    expect(await done).toBe(true);
    expect(locked()).toEqual([]);
  });

  test('comes to its end with other work for the same slots', async () => {
    const order: string[] = [];
    const works = ['first', 'second', 'third'].map((name, i) =>
      run(zone, i === 1 ? [OTHER, NAME] : [NAME, OTHER], () => order.push(name)),
    );
    await Promise.all(works);
    expect(order.sort()).toEqual(['first', 'second', 'third']);
  });

  test('takes all of them anew where one was broken while it waited', async () => {
    const ticket = lock(zone, OTHER)!;
    const done = run(zone, [NAME, OTHER], () => locked());
    vi.setSystemTime(NOW + LOCK_LIFETIME - 1);
    // Another worker takes the first one from this one, and is done with it later.
    zone.set(
      `#lock:${NAME}`,
      otherWorker(() => lock(new FakeZone(), NAME))!,
    );
    vi.spyOn(process, 'kill').mockReturnValue(true);
    const tried = triedFor();
    unlock(zone, OTHER, ticket);
    await new Promise((resolve) => setTimeout(resolve, 20));
    zone.delete(`#lock:${NAME}`);
    expect(await done).toEqual([NAME, OTHER]);
    expect(tried.lastIndexOf(NAME)).toBeGreaterThan(tried.indexOf(OTHER));
  });
});

describe('without room for a lock', () => {
  beforeEach(() => {
    lackRoomFor(OTHER);
  });

  test('work that waits for locks is not done, and none is kept', async () => {
    const work = vi.fn();
    const failed = expect(withLocks(zone, [NAME, OTHER], work)).rejects;
    await failed.toMatchObject({ name: 'SharedMemoryError' });
    expect(work).not.toHaveBeenCalled();
    expect(locked()).toEqual([]);
  });

  test('work that makes room is done with the others', async () => {
    expect(await withLocksIfRoom(zone, [NAME, OTHER], () => locked())).toEqual([NAME]);
    expect(locked()).toEqual([]);
  });
});
