import { callerOf } from '../periodic';
import {
  type Etcd,
  type Header,
  type KeyValue,
  etcdOf,
  getOperation,
  readHeader,
  readKeys,
  transact,
} from './gateway';
import { findFailure, isWaiting, noteFailure, noteSuccess } from './health';
import {
  FOLLOWER,
  type Progress,
  type Segment,
  expectFollower,
  findProgress,
  isSameHistory,
  isWithin,
  putProgress,
  versionOf,
} from './progress';
import { type Target, isSlotKey, isToLetGo, letGo, noteForeign, take } from './value';
import { restorePointers } from '../indexed';
import type { Lookup } from '../load';
import { lookupFor } from '../lookup';
import { refuse } from '../refusal';
import { eachSlice, slices } from '../slices';
import {
  type Zone,
  clearToken,
  dropNote,
  findNote,
  findVersion,
  keysOf,
  lock,
  putNote,
  unlock,
} from '../store';

/**
 * How long a round begins something new, in milliseconds. nginx ends a handler that still runs when its next round comes, and an
 * interval of 500 ms leaves the rest for what has begun by then.
 */
const BUDGET_MS = 400;

/** Values in one answer. */
const BATCH = 16;
/**
 * Keys in one answer, and in one segment until more are added to it: some milliseconds to go through. etcd reads the values of all
 * keys that it is asked about, also of those that it then leaves out.
 */
const PAGE = 512;

/** One round. */
interface Round extends Target {
  /** When to begin nothing new, in milliseconds since 1970. */
  end: number;
  /** All keys of the zone, until a value is taken: to list 10,000 names for each segment would take longer than all else. */
  keys?: string[];
}

/**
 * Brings the zone up to what etcd has under `$cert_etcd_prefix`: one round, for `js_periodic`.
 *
 * 1. Nothing has changed in etcd since the last round: that takes one request, whatever the number of names.
 * 2. Of each segment of the keys, the values that were written since then are read. How many keys there are now tells whether
 *    others are gone.
 * 3. Where they are, where many values were written, or where nothing is known of a segment, its keys are gone through: the values
 *    of those that differ are read, and names that are gone are dropped.
 *
 * What the time is too short for is done in the next rounds, the oldest segment first.
 *
 * Each pair passes the checks of a put. Whatever fails, what is held is served.
 */
export async function follow(session: NginxPeriodicSession): Promise<void> {
  const lookup = lookupFor(callerOf(session));
  const { zone } = lookup;
  const etcd = zone && etcdOf(session.variables, zone);
  if (!zone || !etcd) return;
  const failure = findFailure(zone, lookup.misses);
  if (failure && isWaiting(failure)) return;
  try {
    await round(lookup, etcd);
    noteSuccess(lookup, zone, failure);
  } catch (e) {
    noteFailure(lookup, zone, failure, e as Error);
  }
}

async function round(lookup: Lookup, etcd: Etcd): Promise<void> {
  const { zone } = etcd;
  const end = Date.now() + BUDGET_MS;
  const header = await readHeader(etcd);
  if (isUpToDate(zone, findProgress(etcd), header)) return;
  // nginx has at most one of these handlers in a worker: what this one left behind was killed.
  const left = findNote(zone, 'follower');
  if (left !== undefined && left.endsWith(`:${process.pid}`)) unlock(zone, FOLLOWER, left);
  const ticket = lock(zone, FOLLOWER);
  if (ticket === undefined) return;
  putNote(zone, 'follower', ticket);
  try {
    const progress = findProgress(etcd);
    // Another worker may have come further meanwhile, and then it looks like the answer of an etcd that was restored.
    const isSame = !progress || isSameHistory(progress, header);
    await catchUp({ lookup, zone, etcd, ticket, end }, isSame ? header : await readHeader(etcd));
  } finally {
    dropNote(zone, 'follower');
    unlock(zone, FOLLOWER, ticket);
  }
}

function isUpToDate(zone: Zone, progress: Progress | null, header: Header): boolean {
  return (
    progress !== null &&
    progress.token === clearToken(zone) &&
    isSameHistory(progress, header) &&
    progress.segments.every(({ since, isOpen }) => since === header.revision && !isOpen)
  );
}

async function catchUp(one: Round, header: Header): Promise<void> {
  const { zone, etcd } = one;
  const token = clearToken(zone);
  let progress = findProgress(etcd);
  if (!progress || !isSameHistory(progress, header)) {
    progress = begun(etcd, header, token);
    // While there is room for it.
    note(one, progress);
  } else if (progress.token !== token) {
    progress.token = token;
    progress.segments.forEach((segment) => {
      segment.isOpen = true;
      segment.isCleared = true;
      segment.tried = '';
    });
  }
  progress.term = header.term;
  while (Date.now() < one.end) {
    const segment = oldest(progress);
    if (segment.since >= header.revision && !segment.isOpen) return;
    if (segment.isOpen) await goThrough(one, progress, segment);
    else await takeChanges(one, progress, segment);
    note(one, progress);
  }
}

/** @throws store-unavailable: another worker is further by now; zone-full */
function note({ zone, ticket }: Round, progress: Progress): void {
  expectFollower(zone, ticket);
  putProgress(zone, progress);
}

/** Nothing is known of this etcd: of what is held, only what it has again is its own. */
function begun(etcd: Etcd, { cluster, term }: Header, token: string): Progress {
  return {
    prefix: etcd.prefix,
    cluster,
    term,
    token,
    epoch: Date.now().toString(36),
    segments: [
      {
        after: '',
        to: '',
        since: 0,
        count: 0,
        isOpen: true,
        isCleared: false,
        tried: '',
        triedAt: 0,
      },
    ],
    at: '',
  };
}

/** What is to be done next. */
function oldest({ segments }: Progress): Segment {
  return segments.reduce((first, one) => {
    if (one.isOpen !== first.isOpen) return one.isOpen ? one : first;
    return one.since < first.since ? one : first;
  });
}

/** Takes what was written in a segment since it was last asked for. */
async function takeChanges(one: Round, progress: Progress, segment: Segment): Promise<void> {
  const { after, to, since } = segment;
  const found = await readKeys(one.etcd, after, to, {
    minModRevision: since + 1,
    limit: BATCH,
  });
  expectSameHistory(progress, found.header);
  const created = found.kvs.filter(({ createRevision }) => createRevision > since).length;
  if (created > 0) {
    // Before one is taken: the next round may be another one's, and the key be gone by then.
    segment.isOpen = true;
    note(one, progress);
  }
  if ((await takeAll(one, progress, found.kvs)) < found.kvs.length) return;
  // A key that was there and is there no more, or that was made anew since, leaves fewer than that.
  segment.isOpen = found.more || found.count !== segment.count + created || found.count > 2 * PAGE;
  if (segment.isOpen) return;
  noteForeign(
    one,
    found.kvs.map(({ key }) => slotOf(one.etcd, key)).filter((slot) => !isSlotKey(slot)),
  );
  segment.since = found.header.revision;
  segment.count = found.count;
}

/** Goes through the keys of a segment. Those that are too many for one answer become a segment of their own. */
async function goThrough(one: Round, progress: Progress, segment: Segment): Promise<void> {
  const { zone, etcd } = one;
  const { header, kvs, more } = await readKeys(etcd, segment.after, segment.to, {
    keysOnly: true,
    limit: PAGE,
  });
  expectSameHistory(progress, header);
  const foreign: string[] = [];
  const changed = kvs.filter(({ key, modRevision }) => {
    const slot = slotOf(etcd, key);
    if (isSlotKey(slot)) {
      const isTried = key <= segment.tried && modRevision <= segment.triedAt;
      return !isTried && findVersion(zone, slot) !== versionOf(progress, modRevision);
    }
    // Of the others it was said when they were written.
    if (modRevision > segment.since) foreign.push(slot);
    return false;
  });
  if (!segment.tried) segment.triedAt = header.revision;
  for (let at = 0; at < changed.length; at += BATCH) {
    const gets = changed.slice(at, at + BATCH).map(({ key }) => getOperation(key));
    const outcome = await transact(etcd, [], gets);
    expectSameHistory(progress, outcome.header);
    const values = outcome.found.filter((kv): kv is KeyValue => kv !== undefined);
    const taken = await takeAll(one, progress, values);
    const last = values[taken - 1];
    if (last && last.key > segment.tried) segment.tried = last.key;
    if (taken < values.length) return;
  }
  const last = more ? kvs[kvs.length - 1] : undefined;
  if (last) {
    const rest = Object.assign({}, segment, { after: last.key });
    progress.segments.splice(progress.segments.indexOf(segment) + 1, 0, rest);
    segment.to = last.key;
  }
  if (!(await letGoOfOthers(one, progress, segment, kvs))) return;
  noteForeign(one, foreign);
  segment.since = header.revision;
  segment.count = kvs.length;
  segment.isOpen = false;
  segment.isCleared = false;
  segment.tried = '';
}

/**
 * Lets go of what is held in a segment's slots and is not among its keys.
 *
 * @returns false where the time was up before all was done
 */
async function letGoOfOthers(
  one: Round,
  progress: Progress,
  segment: Segment,
  kvs: KeyValue[],
): Promise<boolean> {
  const { lookup, zone, etcd } = one;
  const { isCleared } = segment;
  const listed: Record<string, boolean> = {};
  kvs.forEach(({ key }) => {
    listed[key] = true;
  });
  const gone: string[] = [];
  const keys = one.keys || (one.keys = keysOf(zone));
  await eachSlice(keys, (slots) => {
    slots.forEach((slot) => {
      const key = etcd.prefix + slot;
      if (isWithin(segment, key) && !listed[key] && isToLetGo(zone, slot, isCleared)) {
        gone.push(slot);
      }
    });
  });
  const dropped: Record<string, boolean> = {};
  const giveWay = slices();
  let at = 0;
  for (; at < gone.length && Date.now() < one.end; at++) {
    const slot = gone[at] as string;
    if (await letGo(one, slot, progress.epoch, isCleared)) dropped[etcd.prefix + slot] = true;
    await giveWay();
  }
  if (lookup.settings.scan && Object.keys(dropped).length > 0) {
    await eachSlice(keys, (slots) => {
      restorePointers(lookup.settings, zone, slots, (slot) => !!dropped[etcd.prefix + slot]);
    });
  }
  return at === gone.length;
}

/** @throws store-unavailable: the next round begins anew */
function expectSameHistory(progress: Progress, header: Header): void {
  if (!isSameHistory(progress, header)) refuse('store-unavailable', 'etcd: it was restored');
}

function slotOf({ prefix }: Etcd, key: string): string {
  return key.slice(prefix.length);
}

/** @returns how many were taken before the time was up */
async function takeAll(one: Round, progress: Progress, kvs: KeyValue[]): Promise<number> {
  const giveWay = slices();
  for (let i = 0; i < kvs.length; i++) {
    if (Date.now() >= one.end) return i;
    const kv = kvs[i] as KeyValue;
    const slot = slotOf(one.etcd, kv.key);
    const version = versionOf(progress, kv.modRevision);
    if (isSlotKey(slot) && findVersion(one.zone, slot) !== version) {
      delete one.keys;
      await take(one, slot, kv.value, version);
      await giveWay();
    }
  }
  return kvs.length;
}
