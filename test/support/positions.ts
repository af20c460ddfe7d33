import type { KeyRange, Position } from '../../src/etcd/position.js';

/** A range of all keys that is in the zone up to a revision. */
export function rangeAt(since: number, more: Partial<KeyRange> = {}): KeyRange {
  const all = {
    after: '',
    to: '',
    count: 0,
    needsListing: false,
    isCleared: false,
    includesStore: false,
  };
  return { ...all, since, resumeAfter: '', resumeRevision: 0, ...more };
}

/** How far an etcd was followed that answers as the fake one does; its history is "h". */
export function positionAt(ranges: KeyRange[]): Position {
  const etcd = { prefix: '/certs/', cluster: '7', term: 2, historyId: 'h' };
  return { ...etcd, token: '000000000000', store: '', ranges, at: '' };
}
