import type { Context } from '../certs/context';
import { clearEntry, currentOf } from '../certs/stored';
import { rsaKey } from '../config/slot';
import { placeClearToken } from '../disk/entries';
import { refuse } from '../engine/refusal';
import { scanNow } from '../scan/scan';
import { normaliseWithWildcard } from '../x509/server_name';
import { clearAll, newToken, noteStoreToken } from '../zone/clear_token';
import { count } from '../zone/counters';
import type { Zone } from '../zone/dict';
import { withLocks } from '../zone/locks';
import { forgetMissing } from '../zone/misses';
import { isAnswer, isPointer, markStale, readMeta, targetOf } from '../zone/record';
import { findRecord, putRecord, removeRecord } from '../zone/slots';
import { handle } from './request';
import { answerJson } from './response';

/**
 * `GET` or `POST /clear`: has the files of every name, or of the one in `?name=`, read again at its next handshake, on every
 * worker. A clear also forgets that a name has no files. A pair stays where its files turn out to be unusable. The index of
 * `$cert_scan` is up to date when the answer is sent.
 *
 * Answers 200 `{"cleared":"all"}` or `{"cleared":NAME,"cached":true}`; 400 where `?name=` is not a name; 507 where the zone has
 * no room to note the clear.
 */
export async function clear_cache(r: NginxHTTPRequest): Promise<void> {
  await handle(r, ['GET', 'POST'], async (context) => {
    answerJson(r, 200, await clear(context, r.args['name']));
  });
}

/** The answer to a clear. */
interface Cleared {
  /** A name, or `all`. */
  cleared: string;
  /** Whether the zone has a pair for the name; absent where all were cleared. */
  cached?: boolean;
}

/**
 * Marks the records of one name, or of all names, as stale.
 *
 * @param asked the argument `name` as a request or a connection has it; undefined for all names
 * @throws (rejects with) malformed, zone-full
 */
export async function clear(context: Context, asked: unknown): Promise<Cleared> {
  const { r, zone, misses } = context;
  if (asked === undefined) {
    const token = newToken();
    placeClear(context, token);
    if (zone) {
      clearAll(zone, token);
      count(zone, 'clears_total', 'scope="all"');
      await scanNow(r);
    }
    return { cleared: 'all' };
  }
  // njs gives an argument that is repeated as an array.
  const name =
    (typeof asked === 'string' && normaliseWithWildcard(asked)) ||
    refuse('malformed', 'name= takes one server name or one wildcard such as *.example.com.');
  const slots = [name, rsaKey(name)];
  const keys = zone ? slots.concat(filesBehind(context, slots)) : [];
  const cached =
    zone !== undefined &&
    (await withLocks(
      zone,
      keys,
      () => keys.map((key) => clearOne(context, zone, key)).indexOf(true) >= 0,
    ));
  slots.forEach((slot) => {
    if (misses) forgetMissing(misses, slot);
  });
  if (zone) {
    count(zone, 'clears_total', 'scope="name"');
    await scanNow(r);
  }
  return { cleared: name, cached };
}

/** The keys of the scanned files that the slots point to, each once. */
function filesBehind(context: Context, slots: string[]): string[] {
  return slots
    .map((slot) => recordNow(context, slot))
    .filter(isPointer)
    .map(targetOf)
    .filter((key, i, all) => all.indexOf(key) === i);
}

function recordNow(context: Context, slot: string): string {
  const { zone } = context;
  return currentOf(context, slot, zone && findRecord(zone, slot)).record || '';
}

/** Has the clear of all names outlive nginx, and reach every nginx that shares the store. */
function placeClear({ r, zone, store }: Context, token: string): void {
  if (!store) return;
  try {
    placeClearToken(store, token);
    if (zone) noteStoreToken(zone, token);
  } catch (e) {
    r.error(`cert_rotation: the store does not note the clear: ${(e as Error).message}`);
  }
}

/**
 * Marks the record of one slot as stale. The caller must hold the slot's lock.
 *
 * @returns whether the zone has a pair for the slot
 * @throws zone-full: the zone has no room to note the clear
 */
function clearOne(context: Context, zone: Zone, slot: string): boolean {
  const held = recordNow(context, slot);
  if (!isAnswer(held) || !readMeta(held)) {
    // A record of refused files is removed, so that the next handshake reads the files again.
    removeRecord(zone, slot);
    return false;
  }
  if (!putRecord(zone, slot, markStale(held))) {
    refuse('zone-full', 'Nothing was cleared. Give js_shared_dict_zone a larger size.');
  }
  try {
    if (context.store) clearEntry(context.store, slot);
  } catch (e) {
    context.r.error(`cert_rotation: the store does not note the clear: ${(e as Error).message}`);
  }
  return true;
}
