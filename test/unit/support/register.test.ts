import { describe, expect, test } from 'vitest';
import { Register, type Served } from '../../support/register.js';

const WHILE_MS = 100;
/** Workers 11 and 12 belong to one nginx, worker 21 to another. */
const areSame = (one: number, other: number): boolean =>
  Math.floor(one / 10) === Math.floor(other / 10);

/** Two changes: to B, issued at 1000 and answered at 1010; back to none at 2000 and 2010. */
function makeRegister(): Register {
  const register = new Register('a.example', 'none');
  for (const [serial, at] of [
    ['B', 1000],
    ['none', 2000],
  ] as const) {
    const change = register.issue(serial);
    Object.assign(change, { issuedAt: at, acknowledgedAt: at + 10, by: 11 });
  }
  return register;
}

function fault(serial: string, by: number, startedAt: number, lastsMs = 5): string | undefined {
  const served: Served = { serial, by, startedAt, endedAt: startedAt + lastsMs };
  return makeRegister().fault(served, areSame, WHILE_MS);
}

describe('a handshake', () => {
  test.each([
    ['before the first change', 'none', 21, 900],
    ['of a change that was asked for, and not answered', 'B', 21, 1001],
    ['of the state before, while a change is not answered', 'none', 12, 1009],
    ['of the state before, by another nginx for a while', 'none', 21, 1109],
    ['of a change that was answered by a worker of the same nginx', 'B', 12, 1010],
    ['of the next change, which was asked for', 'none', 12, 2001],
    ['of the state before the last change, by another nginx for a while', 'B', 21, 2109],
  ])('is right: %s', (_, serial, by, startedAt) => {
    expect(fault(serial, by, startedAt)).toBeUndefined();
  });

  test.each([
    ['before anybody asked for the change', 'B', 12, 990],
    ['late by the same nginx', 'none', 12, 1010],
    ['late by another one', 'none', 21, 1110],
    ['of what was deleted', 'B', 12, 2010],
    ['of what was deleted, by another one', 'B', 21, 2110],
    ['of a certificate of nobody', 'C', 12, 1500],
  ])('is a fault: %s', (_, serial, by, startedAt) => {
    expect(fault(serial, by, startedAt)).toMatch(/^a\.example: worker \d+ served change -?\d, /);
  });

  test('that ends after a change was asked for may serve it', () => {
    expect(fault('B', 12, 990, 20)).toBeUndefined();
  });
});
