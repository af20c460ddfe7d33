import { beforeEach, expect, test } from 'vitest';
import {
  dropNote,
  findNote,
  findScan,
  findScanPart,
  putNote,
  putScan,
  putScanPart,
} from '../../../src/zone/notes.js';
import { FakeZone } from '../../support/fake_zone.js';

let zone: FakeZone;

beforeEach(() => {
  zone = new FakeZone();
});

test('a note is found as it was put, until it is dropped, and apart from others', () => {
  expect(findNote(zone, 'state')).toBeUndefined();
  expect(putNote(zone, 'state', 'first')).toBe(true);
  expect(putNote(zone, 'state', 'second')).toBe(true);
  putNote(zone, 'token', 'other');
  expect(findNote(zone, 'state')).toBe('second');
  dropNote(zone, 'state');
  expect(findNote(zone, 'state')).toBeUndefined();
  expect(findNote(zone, 'token')).toBe('other');
});

test('how far a scan is and the parts of its list are apart', () => {
  expect([findScan(zone), findScanPart(zone, 0)]).toEqual([undefined, '']);
  putScan(zone, 'state');
  putScanPart(zone, 0, 'first');
  putScanPart(zone, 1, 'second');
  expect(findScan(zone)).toBe('state');
  expect([findScanPart(zone, 0), findScanPart(zone, 1)]).toEqual(['first', 'second']);
  expect(putScanPart(zone, 0, '')).toBe(true);
  expect([findScanPart(zone, 0), findScanPart(zone, 1)]).toEqual(['', 'second']);
  expect(zone.keys()).toHaveLength(2);
});

test('what has no room is not noted, and what was there stays', () => {
  putNote(zone, 'state', 'first');
  zone.room = 0;
  expect(putNote(zone, 'token', 'other')).toBe(false);
  expect(putScan(zone, 'state')).toBe(false);
  expect(putScanPart(zone, 0, 'first')).toBe(false);
  expect(putNote(zone, 'state', 'second')).toBe(true);
  expect(zone.keys()).toHaveLength(1);
});
