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
 * @returns the path of a version, or a record with PEM; '' where there is no pair
 */
export function resolve(r: Session, isForRsa: boolean): string {
  try {
    const context = contextOf(r);
    const variables = variablesOf(r);
    const asked = variables['cert_name'] || variables['ssl_server_name'];
    const name = asked ? normalise(asked) : '';
    // The files of such a name are the wildcard's, which needs no second record under a name that nobody uses.
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
  return interval === 0 ? LONGEST_RETRY_MS : Math.min(interval, LONGEST_RETRY_MS);
}
