import { checkInterval, freshFor, hasRsaSlot, zoneName } from './config/settings';
import { slotKeys } from './config/slot';
import type { Variables } from './engine/session';
import { wildcardOf } from './x509/server_name';
import { type Zone, zoneNamed } from './zone/dict';
import { isMissing, missesOf } from './zone/misses';
import {
  answerOf,
  currentTarget,
  isFoundFor,
  isFreshPair,
  isPointer,
  isServable,
} from './zone/record';
import { findRecord } from './zone/slots';

// Answers handshakes from records of the zone that have PEM, or are not under the name itself: names under a wildcard, names that
// a scan found, and names with one kind of pair where there are slots for two.

/**
 * The answer of a fresh record with PEM.
 *
 * @param record the value of the zone under a name, which may be any text
 * @param token the zone's clear token
 * @returns the record; '' where it has no PEM that can be served
 */
export function pemAnswer(variables: Variables, record: string, token: string): string {
  return isServable(record, token, checkInterval(variables)) ? record : '';
}

/**
 * The answer of another fresh record than the name's own: that of the file that a pointer leads to, or that of the wildcard
 * where a negative answer says that the name has no files. The handler's own slot comes before the other slot. The function
 * reads the dictionary, and does nothing else.
 *
 * @param name the name that the handshake asks for
 * @param first the record that the hot path has found; undefined where there is none
 * @param token the zone's clear token
 * @returns '' where the zone alone does not tell
 */
export function otherAnswer(
  variables: Variables,
  name: string,
  isForRsa: boolean,
  first: string | undefined,
  token: string,
): string {
  if (first !== undefined && !isPointer(first)) return '';
  const zone = zoneNamed(zoneName(variables)) as Zone;
  const interval = freshFor(variables);
  let record = first;
  const misses = record === undefined && missesOf(zoneName(variables));
  if (misses) {
    const hasRsa = hasRsaSlot(variables);
    const slots = slotKeys(name, hasRsa, isForRsa).concat(
      slotKeys(wildcardOf(name), hasRsa, isForRsa),
    );
    for (let i = 1; i < slots.length && record === undefined; i++) {
      // Only normalised names are noted as missing, so that this one is.
      if (!isMissing(misses, slots[i - 1] as string, token, interval)) return '';
      record = findRecord(zone, slots[i] as string);
    }
  }
  if (record === undefined) return '';
  if (isFreshPair(record, token, interval)) return answerOf(record);
  const target = currentTarget(record, token, interval);
  const pair = target ? findRecord(zone, target) || '' : '';
  // Since the pointer was read the file may have got a certificate for other names.
  const isFor = isFoundFor(pair, name) || isFoundFor(pair, wildcardOf(name));
  return isFor && isFreshPair(pair, token, interval) ? answerOf(pair) : '';
}
