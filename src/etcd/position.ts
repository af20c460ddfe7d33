import { timestamp } from '../engine/clock';
import { refuse } from '../engine/refusal';
import type { Zone } from '../zone/dict';
import { isLocked } from '../zone/locks';
import { findNote, putNote } from '../zone/notes';
import type { Etcd } from './client';
import type { Header } from './wire';

// How far this nginx has followed etcd. Only who holds the lock `FOLLOWER` writes it, or a record that comes from etcd: what one
// of them does is done before the next one asks etcd for more, so that no record is ever followed by an older one.

/** The lock of who brings the zone up to a revision, in the order of the locks before those of all slots. */
export const FOLLOWER = '#etcd';

export interface Position {
  prefix: string;
  cluster: string;
  term: number;
  /** The zone's clear token: after a clear all keys are gone through again. */
  token: string;
  /** Tells this history of revisions from that of another etcd, or of one that was restored. */
  historyId: string;
  /** All keys, in their order. Each answer of etcd is about one of these: how long it takes must not grow with their number. */
  ranges: KeyRange[];
  /** When this was written, in milliseconds since 1970. */
  at: string;
}

/** Keys that follow one another. */
export interface KeyRange {
  /** They are after this one; '': from the first on. */
  after: string;
  /** They end with this one; '': with the last. */
  to: string;
  /** What happened to them up to this revision is in the zone; 0: nothing is. */
  since: number;
  /** How many there were at that revision, with names or not. */
  count: number;
  /** They have to be gone through: not all that happened can be told from what was written. */
  needsListing: boolean;
  /** A clear wants that: then also what this etcd never had is dropped. */
  isCleared: boolean;
  /**
   * The time was up after this key while they were gone through: up to it there is nothing to do but for what was written after
   * `triedAt`, also where the zone had no room to note what became of a value. '': that was not so.
   */
  resumeAfter: string;
  resumeRevision: number;
}

/** What is added to a state's text until it is a multiple of that long, in bytes: a page of nginx, or more. */
const PLACE = 4096;

/**
 * To be asked before each write: a worker that was halted, or an etcd that was long in answering, may have cost the lock.
 *
 * @throws store-unavailable: it did, and others may have written what is newer
 */
export function expectFollower(zone: Zone, ticket: string): void {
  if (!isLocked(zone, FOLLOWER, ticket)) {
    refuse('store-unavailable', 'etcd: a round took so long that another one came before it');
  }
}

/** null: nothing was followed under this prefix. */
export function findPosition(etcd: Etcd): Position | null {
  const text = findNote(etcd.zone, 'state');
  const position = text === undefined ? null : (JSON.parse(text) as Position);
  return position && position.prefix === etcd.prefix ? position : null;
}

/** @throws zone-full: it would all be done again in the next round */
export function putPosition(zone: Zone, position: Position): void {
  position.at = timestamp();
  const text = JSON.stringify(position);
  // A zone that is full has the place of the last one.
  const padding = ' '.repeat(PLACE - (text.length % PLACE));
  if (!putNote(zone, 'state', text + padding)) {
    refuse(
      'zone-full',
      'the zone has no room to note how far etcd was read. Give js_shared_dict_zone a larger size',
    );
  }
}

/** The revision up to which all keys are in the zone. */
export function sinceOf({ ranges }: Position): number {
  return ranges.reduce((least, { since }) => Math.min(least, since), Infinity);
}

/**
 * Has what is written into a key's slot looked for again in the next round, where the key was not yet there in the last one:
 * the number of keys does not tell that such a key is gone again. To be noted before it is written.
 *
 * @param created the revision at which the key was made
 * @returns whether there is something to note
 */
export function expectNew({ ranges }: Position, key: string, created: number): boolean {
  const range = ranges.filter((one) => isInRange(one, key))[0];
  if (!range || range.needsListing || created <= range.since) return false;
  range.needsListing = true;
  return true;
}

/** Whether an answer is of a later state of the same etcd. One that was restored has lost elections or revisions. */
export function isSameHistory({ cluster, term, ranges }: Position, header: Header): boolean {
  return (
    header.cluster === cluster &&
    header.term >= term &&
    ranges.every(({ since }) => header.revision >= since)
  );
}

/**
 * Whether a key's slot has what the key had after some revision, or may have: then nothing of that revision is to go there.
 *
 * @param held the version in the slot
 */
export function hasPassed(
  position: Position | null,
  key: string,
  held: string,
  revision: number,
): boolean {
  if (!position) return false;
  const { ranges, historyId } = position;
  return (
    ranges.some((one) => one.since >= revision && isInRange(one, key)) ||
    (historyIdIn(held) === historyId && revisionIn(held) > revision)
  );
}

export function isInRange({ after, to }: KeyRange, key: string): boolean {
  return key > after && (to === '' || key <= to);
}

/** What a record notes of the value that it was made of, or that was refused. */
export function versionOf(position: Position | null, revision: number): string {
  return `${position ? position.historyId : ''}:${revision}`;
}

/** Of what `versionOf` made. */
export function revisionIn(version: string): number {
  return +version.slice(version.indexOf(':') + 1);
}

export function historyIdIn(version: string): string {
  return version.slice(0, version.indexOf(':'));
}
