import { scannedFileOf } from './disk';
import type { Lookup } from './load';
import {
  type Facts,
  FIRST_TOKEN,
  factsOf,
  holdsPair,
  isPointer,
  makePointer,
  makeRecord,
  readFileSummary,
  staled,
  targetOf,
} from './record';
import type { Settings } from './settings';
import { isFileKey, nameOf, rsaKey } from './slot';
import { type Zone, find, findSummary, lockIfRoom, put, remove, spaceOf, unlock } from './store';

// The index of what a scan has found: each file's pair under the file's key, and a pointer to it in the slot of each of its
// certificate's names. What else a slot may hold goes before: the pair of the name's own files, if they are elsewhere; and
// one that was put, until a clear, or until the file brings a newer pair.
//
// Where several files have a certificate for a name, the pointer knows all of them, and points to the best one: the name's
// own, then one that is valid now, then the one that expires last, then the first by its label. When that goes, there is
// another one at once.
//
// Who writes a file's record holds its lock, and those of all the slots that this concerns. Readers hold none: pointers are
// taken away before the record changes, and put in place after it.

/** This part of the zone is not for pairs that a scan has found: handshakes are to find room for pointers, and for locks. */
const RESERVED = 1 / 16;

/** Whether there is room for more pairs that a scan finds. */
export function isRoomy(zone: Zone): boolean {
  const { capacity, free } = spaceOf(zone);
  return free >= capacity * RESERVED;
}

/** The slots in which a certificate is served. */
export function slotsFor(settings: Settings, names: string[], isRsa: boolean): string[] {
  return isRsa && settings.certFileRsa !== '' ? names.map(rsaKey) : names;
}

/**
 * Stores or drops a file's record, and has the pointers follow. Only for who holds the file's lock.
 *
 * @param key of a file
 * @param record '' drops the one that is there
 * @returns false where another worker is busy with one of its slots: nothing was written
 */
export function keepFile(lookup: Lookup, zone: Zone, key: string, record: string): boolean {
  const { settings } = lookup;
  const names = factsOf(find(zone, key) || '')?.found?.names || [];
  const found = factsOf(record)?.found;
  const slots = found ? slotsFor(settings, found.names, found.isRsa) : [];
  const left = names.concat(names.map(rsaKey)).filter((slot) => slots.indexOf(slot) < 0);
  return withSlots(zone, slots.concat(left), () => {
    left.forEach((slot) => {
      takePointer(settings, zone, slot, key);
    });
    store(zone, key, record);
    slots.forEach((slot) => {
      putPointer(settings, zone, slot, key);
    });
  });
}

/**
 * Puts a pointer to a file into a slot, or chooses anew between the files that it knows.
 *
 * @returns false where another worker is busy with the slot
 */
export function restorePointer(settings: Settings, zone: Zone, slot: string, key: string): boolean {
  return withSlots(zone, [slot], () => {
    putPointer(settings, zone, slot, key);
  });
}

/**
 * Puts pointers into slots that were emptied, to what a scan has found for them. What another worker is busy with, the next scan
 * does.
 *
 * @param keys of the zone, with those of files among them
 */
export function restorePointers(
  settings: Settings,
  zone: Zone,
  keys: string[],
  isEmptied: (slot: string) => boolean,
): void {
  keys.filter(isFileKey).forEach((key) => {
    const { names, isRsa } = readFileSummary(findSummary(zone, key));
    slotsFor(settings, names, isRsa)
      .filter(isEmptied)
      .forEach((slot) => {
        restorePointer(settings, zone, slot, key);
      });
  });
}

/** Whether what a slot holds is a pointer to that file, and says nothing else. */
export function pointsOnlyTo(held: string | undefined, key: string): boolean {
  return held !== undefined && isPointer(held) && targetOf(held) === key && held.endsWith('{}');
}

function store(zone: Zone, key: string, record: string): void {
  if (record === '') {
    remove(zone, key);
    return;
  }
  const hasPlace = isRoomy(zone) || holdsPair(find(zone, key) || '');
  if (hasPlace && put(zone, key, record)) return;
  // What is known of it, at least: each handshake reads the pair from its files then.
  remove(zone, key);
  put(zone, key, staled(makeRecord(FIRST_TOKEN, factsOf(record) as Facts, null)));
}

function putPointer(settings: Settings, zone: Zone, slot: string, key: string): void {
  const held = find(zone, slot) || '';
  const facts = factsOf(held);
  const isOwn = scannedFileOf(settings, slot) === key;
  if (facts && holdsPair(held) && !givesWay(settings, facts, isOwn, factsOf(find(zone, key) || '')))
    return;
  const known = isPointer(held) && facts ? filesIn(held, facts) : [];
  pointTo(settings, zone, slot, known.indexOf(key) < 0 ? known.concat(key) : known);
}

function takePointer(settings: Settings, zone: Zone, slot: string, key: string): void {
  const held = find(zone, slot) || '';
  const facts = factsOf(held);
  if (!isPointer(held) || !facts) return;
  const known = filesIn(held, facts);
  if (known.indexOf(key) < 0) return;
  pointTo(
    settings,
    zone,
    slot,
    known.filter((one) => one !== key),
  );
}

/**
 * Whether a slot's pair gives way to that of a file.
 *
 * @param isOwn whether the slot's pair is from that file if it is from one
 */
function givesWay(settings: Settings, facts: Facts, isOwn: boolean, file: Facts | null): boolean {
  if (facts.source === 'disk') return isOwn;
  if (facts.source === 'etcd' && settings.followsEtcd) return false;
  const isNewer = file !== null && facts.loadedAt < file.loadedAt;
  return facts.files === '' && (facts.isCleared === true || isNewer);
}

/** All files that a pointer knows. */
function filesIn(pointer: string, facts: Facts): string[] {
  return [targetOf(pointer)].concat(facts.others || []);
}

function pointTo(settings: Settings, zone: Zone, slot: string, keys: string[]): void {
  const held = find(zone, slot) || '';
  const facts = factsOf(held);
  const files = keys.length > 1 ? ranked(settings, zone, slot, keys) : keys;
  const best = files[0];
  const others = files.slice(1);
  if (best === undefined) {
    remove(zone, slot);
    return;
  }
  const rest: Partial<Facts> = others.length > 0 ? { others } : {};
  // The name's own files were refused.
  if (facts?.problem && !holdsPair(held)) {
    rest.files = facts.files;
    rest.problem = facts.problem;
    if (facts.etcd !== undefined) rest.etcd = facts.etcd;
  }
  const isSame =
    isPointer(held) &&
    facts !== null &&
    targetOf(held) === best &&
    (facts.others || []).join() === others.join();
  if (!isSame) put(zone, slot, makePointer(best, rest));
}

interface Candidate {
  key: string;
  isOwn: boolean;
  isValid: boolean;
  notAfter: number;
}

/** Those of some files that have a certificate for a slot's name, the best one first. */
function ranked(settings: Settings, zone: Zone, slot: string, keys: string[]): string[] {
  const now = Date.now() / 1000;
  const name = nameOf(slot);
  const own = scannedFileOf(settings, slot);
  const candidates: Candidate[] = [];
  keys.forEach((key) => {
    const facts = factsOf(find(zone, key) || '');
    if (!facts?.found || facts.found.names.indexOf(name) < 0) return;
    const { notAfter, found } = facts;
    const isValid = found.notBefore <= now && now <= notAfter;
    candidates.push({ key, isOwn: key === own, isValid, notAfter });
  });
  return candidates.sort(better).map(({ key }) => key);
}

function better(a: Candidate, b: Candidate): number {
  if (a.isOwn !== b.isOwn) return a.isOwn ? -1 : 1;
  if (a.isValid !== b.isValid) return a.isValid ? -1 : 1;
  if (a.notAfter !== b.notAfter) return b.notAfter - a.notAfter;
  return a.key < b.key ? -1 : 1;
}

/**
 * Does what needs the locks of some slots.
 *
 * @param slots each once
 * @returns false where another worker has one of them: nothing was done
 */
function withSlots(zone: Zone, slots: string[], work: () => void): boolean {
  const tickets: (string | undefined)[] = [];
  try {
    for (let i = 0; i < slots.length; i++) {
      const ticket = lockIfRoom(zone, slots[i] as string);
      if (ticket === null) return false;
      tickets.push(ticket);
    }
    work();
    return true;
  } finally {
    tickets.forEach((ticket, i) => {
      if (ticket) unlock(zone, slots[i] as string, ticket);
    });
  }
}
