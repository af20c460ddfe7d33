import { factsOf, holdsPair, staled } from '../record';
import { normaliseWithWildcard } from '../server_name';
import { variablesOf, zoneName } from '../settings';
import {
  type Zone,
  clearAll,
  find,
  forgetMissing,
  isZoneFull,
  lock,
  missesOf,
  put,
  remove,
  unlock,
  zoneNamed,
} from '../store';
import { isAllowed } from './guard';
import { answerJson, answerProblem } from './problem';

const RETRY_MS = 1;

/**
 * `GET` or `POST /clear`: every name's files are read again at its next handshake, on every worker; `?name=` does that
 * for one name, held or not. Also forgets that a name has no files. A pair whose files turn out to be unusable stays.
 *
 * Answers 200 `{"cleared":"all"}` or `{"cleared":NAME,"cached":true}`; 400 where the name is none; 507 where the zone
 * has no room to note it.
 */
export async function clear_cache(r: NginxHTTPRequest): Promise<void> {
  if (!isAllowed(r, ['GET', 'POST'])) return;
  const variables = variablesOf(r);
  const zone = zoneNamed(zoneName(variables));
  const asked: unknown = r.args['name'];
  try {
    if (asked === undefined) {
      if (zone) clearAll(zone);
      answerJson(r, { cleared: 'all' });
      return;
    }
    // An argument that is given twice comes as an array.
    const name = typeof asked === 'string' ? normaliseWithWildcard(asked) : '';
    if (!name) {
      answerProblem(
        r,
        'malformed',
        'name= takes one server name, or a wildcard like *.example.com.',
      );
      return;
    }
    const cached = zone ? await clearOne(zone, name) : false;
    const misses = missesOf(zoneName(variables));
    if (misses) forgetMissing(misses, name);
    if (cached === null) answerFull(r);
    else answerJson(r, { cleared: name, cached });
  } catch (e) {
    if (!isZoneFull(e)) throw e;
    answerFull(r);
  }
}

function answerFull(r: NginxHTTPRequest): void {
  answerProblem(r, 'zone-full', 'Nothing was cleared. Give js_shared_dict_zone a larger size.');
}

/**
 * Makes the record of one name stale. Waits for who is just loading it: what was read from disk before the clear must
 * not be stored after it.
 *
 * @returns whether the zone held a pair; null: it has no room to note the clear
 * @throws SharedMemoryError where the zone has no room for a lock
 */
async function clearOne(zone: Zone, name: string): Promise<boolean | null> {
  let ticket = lock(zone, name);
  while (ticket === undefined) {
    await new Promise<void>((resolve) => setTimeout(resolve, RETRY_MS));
    ticket = lock(zone, name);
  }
  try {
    const held = find(zone, name);
    if (held === undefined) return false;
    if (factsOf(held) === null || !holdsPair(held)) {
      remove(zone, name);
      return false;
    }
    return put(zone, name, staled(held)) || null;
  } finally {
    unlock(zone, name, ticket);
  }
}
