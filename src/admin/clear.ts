import type { Context } from '../certs/context';
import { rsaKey } from '../config/slot';
import { refuse } from '../engine/refusal';
import { scanNow } from '../scan/scan';
import { normaliseWithWildcard } from '../x509/server_name';
import { clearAll } from '../zone/clear_token';
import { count } from '../zone/counters';
import type { Zone } from '../zone/dict';
import { withLocks } from '../zone/locks';
import { forgetMissing } from '../zone/misses';
import { isAnswer, isPointer, markStale, readMeta, targetOf } from '../zone/record';
import { findRecord, putRecord, removeRecord } from '../zone/slots';
import { handle } from './request';
import { answerJson } from './response';

/**
 * `GET` or `POST /clear`: every name's files are read again at its next handshake, on every worker; `?name=` does that
 * for one name, held or not. Also forgets that a name has no files. A pair whose files turn out to be unusable stays. The
 * index of `$cert_scan` is up to date when it answers.
 *
 * Answers 200 `{"cleared":"all"}` or `{"cleared":NAME,"cached":true}`; 400 where the name is none; 507 where the zone
 * has no room to note it.
 */
export async function clear_cache(r: NginxHTTPRequest): Promise<void> {
  await handle(r, ['GET', 'POST'], async (context) => {
    answerJson(r, 200, await clear(context, r.args['name']));
  });
}

/** What was cleared, as it is answered. */
interface Cleared {
  /** A name, or `all`. */
  cleared: string;
  /** Of a name: whether a pair is held. */
  cached?: boolean;
}

/**
 * Makes every name's record stale, or one name's.
 *
 * @param asked the argument `name` of a request; undefined: all
 * @throws (rejects with) malformed, zone-full
 */
export async function clear({ r, zone, misses }: Context, asked: unknown): Promise<Cleared> {
  if (asked === undefined) {
    if (zone) {
      clearAll(zone);
      count(zone, 'clears_total', 'scope="all"');
      await scanNow(r);
    }
    return { cleared: 'all' };
  }
  // An argument that is given twice comes as an array.
  const name =
    (typeof asked === 'string' && normaliseWithWildcard(asked)) ||
    refuse('malformed', 'name= takes one server name, or a wildcard like *.example.com.');
  const slots = [name, rsaKey(name)];
  const keys = zone ? slots.concat(filesBehind(zone, slots)) : [];
  const cached =
    zone !== undefined &&
    (await withLocks(zone, keys, () => keys.map((key) => clearOne(zone, key)).indexOf(true) >= 0));
  slots.forEach((slot) => {
    if (misses) forgetMissing(misses, slot);
  });
  if (zone) {
    count(zone, 'clears_total', 'scope="name"');
    await scanNow(r);
  }
  return { cleared: name, cached };
}

/** The keys of the files that some slots point to, each once. */
function filesBehind(zone: Zone, slots: string[]): string[] {
  return slots
    .map((slot) => findRecord(zone, slot) || '')
    .filter(isPointer)
    .map(targetOf)
    .filter((key, i, all) => all.indexOf(key) === i);
}

/**
 * Makes the record of one slot stale.
 *
 * @returns whether the zone holds a pair
 * @throws zone-full: it has no room to note the clear
 */
function clearOne(zone: Zone, slot: string): boolean {
  const held = findRecord(zone, slot) || '';
  if (!isAnswer(held) || !readMeta(held)) {
    // The next handshake reads the files of a slot that they were refused for, too.
    removeRecord(zone, slot);
    return false;
  }
  if (!putRecord(zone, slot, markStale(held))) {
    refuse('zone-full', 'Nothing was cleared. Give js_shared_dict_zone a larger size.');
  }
  return true;
}
