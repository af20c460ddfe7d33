import { nameOf, slotKeys } from '../config/slot';
import { type Session, variablesOf } from '../engine/session';
import { normalise, wildcardOf } from '../x509/server_name';
import { isMissing } from '../zone/misses';
import {
  answerOf,
  holdsPair,
  isAnswer,
  isFresh,
  isPointer,
  readMeta,
  targetOf,
} from '../zone/record';
import { findRecord } from '../zone/slots';
import { type Context, contextOf } from './context';
import { refreshSlot } from './refresh';

/**
 * The time after which refused files are looked at again where the name has no pair, in milliseconds: its first handshake may
 * have come in the middle of a renewal.
 */
const REFUSED_RETRY_MS = 1000;

/**
 * Finds the pair for a handshake, in this order:
 *
 * 1. the server name's own, or that of `$cert_name` instead;
 * 2. that of the wildcard above it;
 * 3. that of `$cert_fallback`, which is also for a handshake without a server name, or with a malformed one.
 *
 * For each of these names the handler's own slot comes before the other slot, and files of the name before files that a scan
 * found. A fresh record is taken from the zone. For another one the store and the files are looked at. The function never
 * throws: it logs a fault under one name, and serves the pair that the name has, or goes on to the next name.
 *
 * @param isForRsa whether a handler of the RSA slot asks
 * @returns the path of a version, or a record with PEM; '' where there is no pair
 */
export function resolve(r: Session, isForRsa: boolean): string {
  try {
    const context = contextOf(r);
    const variables = variablesOf(r);
    const asked = variables['cert_name'] || variables['ssl_server_name'];
    const name = asked ? normalise(asked) : '';
    // Its files are those of the wildcard, whose record serves it.
    const isStandIn = name.startsWith(`${context.settings.wildcardLabel}.`);
    const hasRsaSlot = context.settings.certFileRsa !== '';
    const names = [isStandIn ? '' : name, wildcardOf(name), context.fallback];
    for (let i = 0; i < names.length; i++) {
      const candidate = names[i] as string;
      if (!candidate || names.indexOf(candidate) < i) continue;
      const slots = slotKeys(candidate, hasRsaSlot, isForRsa);
      for (let j = 0; j < slots.length; j++) {
        const record = recordOf(context, slots[j] as string);
        if (record) return answerOf(record);
      }
    }
    return '';
  } catch (e) {
    r.error(`cert_rotation: ${(e as Error).message}`);
    return '';
  }
}

/** A pointer may be turned elsewhere while what it points to is looked at. */
const MOST_POINTERS = 3;

function recordOf(context: Context, slot: string): string {
  let record = recordUnder(context, slot);
  for (let i = 0; i < MOST_POINTERS && isPointer(record); i++) {
    const pair = recordUnder(context, targetOf(record));
    // The file may hold a certificate for other names by now.
    if (pair && readMeta(pair)?.found?.names.indexOf(nameOf(slot)) !== -1) return pair;
    record = (context.zone && findRecord(context.zone, slot)) || '';
  }
  return holdsPair(record) ? record : '';
}

/** @returns what is kept under a key: a record with a pair, or a pointer; '' where there is neither */
function recordUnder(context: Context, slot: string): string {
  const { zone, misses, token, interval } = context;
  let held: string | undefined;
  try {
    const found = zone && findRecord(zone, slot);
    if (found !== undefined && readMeta(found)) held = found;
    if (held !== undefined && isAnswer(held)) {
      if (isFresh(held, token, interval)) return held;
    } else if (held !== undefined && isFresh(held, token, retryInterval(interval))) {
      return '';
    }
    if (held === undefined && misses && isMissing(misses, slot, token, interval)) return '';
    return refreshSlot(context, slot);
  } catch (e) {
    context.r.error(`cert_rotation: ${nameOf(slot)}: ${(e as Error).message}`);
    return held !== undefined && isAnswer(held) ? held : '';
  }
}

function retryInterval(interval: number): number {
  return interval === 0 ? REFUSED_RETRY_MS : Math.min(interval, REFUSED_RETRY_MS);
}
