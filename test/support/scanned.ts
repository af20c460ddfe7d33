import { keepFile } from '../../src/certs/pointers.js';
import type { Settings } from '../../src/config/settings.js';
import { fileKey } from '../../src/config/slot.js';
import { FIRST_TOKEN } from '../../src/zone/clear_token.js';
import type { Found, RecordMeta } from '../../src/zone/meta.js';
import { isPointer, makeRecord, readMeta, targetOf } from '../../src/zone/record.js';
import type { FakeZone } from './fake_zone.js';
import { contextWith, settingsIn } from './slots.js';

// What a scan has found, for tests of the index of it: no files, and a pair that is none.

export const NOW = Date.UTC(2026, 0, 1);
export const NOW_S = NOW / 1000;
export const DAY_S = 86_400;
export const NAME = 'a.example';
export const [FIRST, SECOND, THIRD] = [fileKey('first'), fileKey('second'), fileKey('third')];
export const PEM = { chain: block('CERTIFICATE'), key: block('PRIVATE KEY') };
export const META: RecordMeta = {
  source: 'disk',
  files: 's',
  notAfter: NOW_S + DAY_S,
  loadedAt: NOW,
};
export const PROBLEM = { code: 'weak', detail: 'It is too weak.' };
export const ELSEWHERE = settingsIn('/certs', { scan: '/scanned/*.pem' });
/** The file of a name is one that the scan finds as well. */
export const OWN = settingsIn('/certs', { scan: '/certs/*.cert.pem' });

function block(label: string): string {
  return `-----BEGIN ${label}-----\nAA==\n-----END ${label}-----\n`;
}

/** The record of a file that a scan has found. */
export function fileFor(
  names: string[],
  more: Partial<RecordMeta> = {},
  of: Partial<Found> = {},
): string {
  const found = { names, isRsa: false, notBefore: NOW_S - DAY_S, ...of };
  return makeRecord(FIRST_TOKEN, { ...META, found, ...more }, PEM);
}

export function keep(
  zone: FakeZone,
  key: string,
  record: string,
  settings: Settings = ELSEWHERE,
): boolean {
  return keepFile(contextWith(settings, { zone }), zone, key, record);
}

/** All slots with a pointer, and the files that each knows, the best one first. */
export function pointersIn(zone: FakeZone): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const [slot, record] of zone.values) {
    if (isPointer(record)) found[slot] = [targetOf(record), ...(readMeta(record)!.others ?? [])];
  }
  return found;
}
