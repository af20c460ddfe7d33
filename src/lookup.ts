import { type Lookup, load } from './load';
import {
  FIRST_TOKEN,
  factsOf,
  holdsPair,
  isAnswer,
  isCurrent,
  isPointer,
  targetOf,
} from './record';
import { normalise, normaliseWithWildcard, wildcardOf } from './server_name';
import {
  type Caller,
  type Session,
  checkInterval,
  readSettings,
  variablesOf,
  zoneName,
} from './settings';
import { nameOf, slotKeys } from './slot';
import { type Zone, clearToken, find, isMissing, missesOf, reserveToken, zoneNamed } from './store';

/**
 * For a name that has files and no pair to serve, in milliseconds: it may first have been asked for in the middle of a
 * renewal.
 */
const LONGEST_RETRY_MS = 1000;

/**
 * Finds the pair for a handshake, in this order:
 *
 * 1. the server name's own, or that of `$cert_name` instead;
 * 2. that of the wildcard above it;
 * 3. that of `$cert_fallback`, which is also for a handshake without a server name, or with a malformed one.
 *
 * Of each, files of its own come before those that a scan found it in.
 *
 * Of each, the handler's own slot comes before the other one. A slot's pair is taken from the zone while it is fresh, and
 * looked for on disk otherwise. Never throws: a fault under one name is logged, and what is held of that name is served,
 * or the next in the order.
 *
 * @param isForRsa for the handlers of the RSA slot
 * @returns a record with a pair; '' where there is none
 */
export function resolve(r: Session, isForRsa: boolean): string {
  try {
    const lookup = lookupFor(r);
    const variables = variablesOf(r);
    const asked = variables['cert_name'] || variables['ssl_server_name'];
    const name = asked ? normalise(asked) : '';
    // The files of such a name are the wildcard's, which needs no second record under a name that nobody uses.
    const isStandIn = name.startsWith(`${lookup.settings.wildcardLabel}.`);
    const hasRsaSlot = lookup.settings.certFileRsa !== '';
    const names = [isStandIn ? '' : name, wildcardOf(name), lookup.fallback];
    for (let i = 0; i < names.length; i++) {
      const candidate = names[i] as string;
      if (!candidate || names.indexOf(candidate) < i) continue;
      const slots = slotKeys(candidate, hasRsaSlot, isForRsa);
      for (let j = 0; j < slots.length; j++) {
        const record = recordOf(lookup, slots[j] as string);
        if (record) return record;
      }
    }
    return '';
  } catch (e) {
    r.error(`cert_rotation: ${(e as Error).message}`);
    return '';
  }
}

/** What a request of a client, or of an operator, looks names up with. */
export function lookupFor(r: Caller): Lookup {
  const variables = variablesOf(r);
  const settings = readSettings(variables);
  const zone = usableZone(r, zoneName(variables));
  return {
    r,
    settings,
    zone,
    // Negative answers are good for as long as the zone's token: without it nothing tells when they were cleared.
    misses: zone && missesOf(zoneName(variables)),
    token: zone ? clearToken(zone) : FIRST_TOKEN,
    interval: checkInterval(variables),
    fallback: normaliseWithWildcard(settings.fallback),
  };
}

/** The zone; undefined where there is none, or one that is no use: of numbers, for instance. */
function usableZone(r: Caller, name: string): Zone | undefined {
  const zone = zoneNamed(name);
  try {
    if (zone) reserveToken(zone);
    return zone;
  } catch (e) {
    r.error(`cert_rotation: the zone "${name}" cannot be used: ${(e as Error).message}`);
    return undefined;
  }
}

/** A pointer may be turned elsewhere while what it points to is looked at. */
const MOST_POINTERS = 3;

function recordOf(lookup: Lookup, slot: string): string {
  let record = recordUnder(lookup, slot);
  for (let i = 0; i < MOST_POINTERS && isPointer(record); i++) {
    const pair = recordUnder(lookup, targetOf(record));
    // The file may hold a certificate for other names by now.
    if (pair && factsOf(pair)?.found?.names.indexOf(nameOf(slot)) !== -1) return pair;
    record = (lookup.zone && find(lookup.zone, slot)) || '';
  }
  return holdsPair(record) ? record : '';
}

/** @returns what is kept under a key: a record with a pair, or a pointer; '' where there is neither */
function recordUnder(lookup: Lookup, slot: string): string {
  const { zone, misses, token, interval } = lookup;
  let held: string | undefined;
  try {
    const found = zone && find(zone, slot);
    if (found !== undefined && factsOf(found)) held = found;
    if (held !== undefined && isAnswer(held)) {
      if (isCurrent(held, token, interval)) return held;
    } else if (held !== undefined && isCurrent(held, token, retryInterval(interval))) {
      return '';
    }
    if (held === undefined && misses && isMissing(misses, slot, token, interval)) return '';
    return load(lookup, slot);
  } catch (e) {
    lookup.r.error(`cert_rotation: ${nameOf(slot)}: ${(e as Error).message}`);
    return held !== undefined && isAnswer(held) ? held : '';
  }
}

function retryInterval(interval: number): number {
  return interval === 0 ? LONGEST_RETRY_MS : Math.min(interval, LONGEST_RETRY_MS);
}
