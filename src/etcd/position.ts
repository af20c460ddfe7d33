import { timestamp } from '../engine/clock';
import { refuse } from '../engine/refusal';
import type { Zone } from '../zone/dict';
import { isLocked } from '../zone/locks';
import { findNote, putNote } from '../zone/notes';
import type { Etcd } from './client';
import type { Header } from './wire';

// The position in etcd's history up to which the zone has etcd's changes. The caller must hold the lock `FOLLOWER` to write it, or
// to write a record that comes from etcd. One lock holder finishes before the next one asks etcd, so that an older value never
// replaces a newer one.

/** The lock of the worker that brings the zone up to a revision. It sorts before the locks of all slots. */
export const FOLLOWER = '#etcd';

export interface Position {
  prefix: string;
  cluster: string;
  term: number;
  /** The zone's clear token: after a clear all ranges are listed again. */
  token: string;
  /** The id of the store that was compared with the keys; '' where there was none, or it was away. */
  store: string;
  /** Distinguishes this history of revisions from that of another etcd, or of a restored one. */
  historyId: string;
  /** All keys, split into ranges in their order. Each request is for one range, so that its time does not grow with the keys. */
  ranges: KeyRange[];
  /** When the position was written, in milliseconds since 1970. */
  at: string;
}

/** Keys that follow one another. */
export interface KeyRange {
  /** The key before the range; '' where it begins with the first key. */
  after: string;
  /** The last key of the range; '' where it ends with the last key. */
  to: string;
  /** The zone has all changes of the range up to this revision; 0 where it has none. */
  since: number;
  /** The number of keys at that revision, including those that are no slot's. */
  count: number;
  /** The range has to be listed, because the values that were written do not tell all changes. */
  needsListing: boolean;
  /** The listing takes in pairs that the store alone has: nginx, or the store, has just come back. */
  includesStore: boolean;
  /** The listing is due to a clear, which also removes pairs that this etcd never had. */
  isCleared: boolean;
  /**
   * The last key that was tried in a listing that a round had no time to finish; '' where no listing is unfinished. The keys up to
   * this one are done unless they were written after `resumeRevision`, even where the zone had no room to note their refusal.
   */
  resumeAfter: string;
  /** The revision of etcd when that listing began. */
  resumeRevision: number;
}

/** The text of a position is padded to a multiple of this length, in bytes, that of a page in nginx. */
const PLACE = 4096;

/**
 * Checks that this worker still holds the lock, before each write: a worker that was halted, or a slow answer from etcd, may have
 * cost it.
 *
 * @param ticket of the lock `FOLLOWER`
 * @throws store-unavailable: the lock is lost, and another worker may have written something newer
 */
export function expectFollower(zone: Zone, ticket: string): void {
  if (!isLocked(zone, FOLLOWER, ticket)) {
    refuse('store-unavailable', 'etcd: the round took too long, and another worker took over');
  }
}

/** @returns null where no position is noted, or only one for another prefix */
export function findPosition(etcd: Etcd): Position | null {
  const text = findNote(etcd.zone, 'state');
  const position = text === undefined ? null : (JSON.parse(text) as Position);
  return position && position.prefix === etcd.prefix ? position : null;
}

/** @throws zone-full: the next round would repeat the work of this one */
export function putPosition(zone: Zone, position: Position): void {
  position.at = timestamp();
  const text = JSON.stringify(position);
  // A text of equal length replaces the position before it even where the zone is full.
  const padding = ' '.repeat(PLACE - (text.length % PLACE));
  if (!putNote(zone, 'state', text + padding)) {
    refuse(
      'zone-full',
      'etcd: the zone has no room for the position. Give js_shared_dict_zone a larger size',
    );
  }
}

/** The revision up to which the zone has the changes of all ranges. */
export function sinceOf({ ranges }: Position): number {
  return ranges.reduce((least, { since }) => Math.min(least, since), Infinity);
}

/**
 * Marks the range of a key for a listing, where the key was created after the range's revision: the number of keys would not tell
 * that such a key was deleted again. The caller has to write the position before the slot.
 *
 * @param created the revision at which the key was created
 * @returns whether the position has changed
 */
export function expectNew({ ranges }: Position, key: string, created: number): boolean {
  const range = ranges.filter((one) => isInRange(one, key))[0];
  if (!range || range.needsListing || created <= range.since) return false;
  range.needsListing = true;
  return true;
}

/** Whether an answer continues the history of a position. A restored etcd has lost elections or revisions. */
export function isSameHistory({ cluster, term, ranges }: Position, header: Header): boolean {
  return (
    header.cluster === cluster &&
    header.term >= term &&
    ranges.every(({ since }) => header.revision >= since)
  );
}

/**
 * Whether a key's slot has, or may have, a value from after a revision. A value of that revision must not be written there then.
 *
 * @param held the version that the slot's record notes
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

/** The version of a value, `HISTORY:REVISION`: a record notes it for the value that it was made from, or that was refused. */
export function versionOf(position: Position | null, revision: number): string {
  return `${position ? position.historyId : ''}:${revision}`;
}

/** The revision in a version that `versionOf` made. */
export function revisionIn(version: string): number {
  return +version.slice(version.indexOf(':') + 1);
}

export function historyIdIn(version: string): string {
  return version.slice(0, version.indexOf(':'));
}

/** The position at the beginning of a history: one range of all keys, of which nothing is known. */
export function newPosition(
  etcd: Etcd,
  { cluster, term }: Header,
  token: string,
  store: string,
  historyId: string,
): Position {
  return {
    prefix: etcd.prefix,
    cluster,
    term,
    token,
    store,
    historyId,
    ranges: [
      {
        after: '',
        to: '',
        since: 0,
        count: 0,
        needsListing: true,
        includesStore: true,
        isCleared: false,
        resumeAfter: '',
        resumeRevision: 0,
      },
    ],
    at: '',
  };
}
