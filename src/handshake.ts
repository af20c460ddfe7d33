import { resolve } from './cold';
import { checkInterval, fallback, freshFor, hasRsaSlot, zoneName } from './config/settings';
import { rsaKey, slotKeys } from './config/slot';
import { type Session, variablesOf } from './engine/session';
import { wildcardOf } from './x509/server_name';
import { clearToken } from './zone/clear_token';
import { zoneNamed } from './zone/dict';
import { isMissing, missesOf } from './zone/misses';
import {
  chainOf,
  currentTarget,
  isFoundFor,
  isFreshVersion,
  isServable,
  isVersion,
  keyOf,
  pathOf,
  pemOf,
} from './zone/record';
import { findRecord } from './zone/slots';

// nginx asks for certificate and key in two calls. Both are answered from one record, whatever other workers write in
// between. Under QuickJS the module outlives the handshake, so the memo is valid for the same request object only. One
// request may ask for several names, where it connects to several upstreams.
let memoSession: Session | undefined;
let memoName: string | undefined;
let memoRecord: string | undefined;
let memoRsaRecord: string | undefined;

/** The value where there is no pair: nginx logs one error and ends the handshake, even where an empty value would mean no certificate. */
const NOTHING = 'data:';

/** The line feed lets a directive with "data:" in front of the variable work as well: PEM may begin with other lines. */
const DATA = 'data:\n';

/**
 * The chain and key of the handshake's server name, for `js_set`: the path of a version in the store, which has both, or
 * without a store `data:` and the PEM of both.
 *
 * @returns `data:` alone where there is no pair to serve
 */
export function js_pair(r: Session): string {
  const record = recordFor(r, false);
  return isVersion(record) ? pathOf(record) : record ? DATA + pemOf(record) : NOTHING;
}

/**
 * The value of `js_pair` for a second `ssl_certificate` line: the RSA pair where the name has one beside another. Without
 * `$cert_file_rsa` the three handlers of the RSA slot answer as the others do.
 */
export function js_pair_rsa(r: Session): string {
  const record = recordFor(r, true);
  return isVersion(record) ? pathOf(record) : record ? DATA + pemOf(record) : NOTHING;
}

/** The chain, for `js_set`: the path of the version that `js_pair` returns, or `data:` and the chain's PEM alone. */
export function js_cert(r: Session): string {
  const record = recordFor(r, false);
  return isVersion(record) ? pathOf(record) : record ? DATA + chainOf(record) : NOTHING;
}

/** The key of the chain that `js_cert` returns for the same handshake, in the same form. */
export function js_key(r: Session): string {
  const record = recordFor(r, false);
  return isVersion(record) ? pathOf(record) : record ? DATA + keyOf(record) : NOTHING;
}

/** The chain of the pair that `js_pair_rsa` returns, in the form of `js_cert`. */
export function js_cert_rsa(r: Session): string {
  const record = recordFor(r, true);
  return isVersion(record) ? pathOf(record) : record ? DATA + chainOf(record) : NOTHING;
}

/** The key of the pair that `js_pair_rsa` returns, in the form of `js_key`. */
export function js_key_rsa(r: Session): string {
  const record = recordFor(r, true);
  return isVersion(record) ? pathOf(record) : record ? DATA + keyOf(record) : NOTHING;
}

/**
 * The record that all calls of one handshake are answered from.
 *
 * @param isForRsa whether the handler is one of the RSA slot
 * @returns '' where there is no pair to serve
 */
function recordFor(r: Session, isForRsa: boolean): string {
  const name = variablesOf(r)['cert_name'];
  if (memoSession !== r || memoName !== name) {
    memoSession = r;
    memoName = name;
    memoRecord = undefined;
    memoRsaRecord = undefined;
  }
  const known = isForRsa ? memoRsaRecord : memoRecord;
  if (known !== undefined) return known;
  const record = freshRecord(r, name, isForRsa) || resolve(r, isForRsa);
  if (isForRsa) memoRsaRecord = record;
  else memoRecord = record;
  return record;
}

/**
 * The hot path: finds a fresh record in the zone for the server name as the client wrote it, or for its wildcard where a
 * negative answer says that the name has no files. The handler's own slot comes before the other one. A pointer costs one
 * read more. It reads the dictionary, and does nothing else.
 *
 * @param nameInstead the value of `$cert_name`, which replaces the client's name
 * @returns '' where the cold path has to look
 */
function freshRecord(r: Session, nameInstead: string | undefined, isForRsa: boolean): string {
  try {
    const variables = variablesOf(r);
    const zoneIs = zoneName(variables);
    const zone = zoneNamed(zoneIs);
    const name = nameInstead || variables['ssl_server_name'] || fallback(variables);
    // A client must not ask for the record of a wildcard, of a scanned file or of an RSA slot: their keys begin with `*`.
    if (!zone || !name || name.charAt(0) === '*') return '';
    const token = clearToken(zone);
    let record = findRecord(zone, isForRsa && hasRsaSlot(variables) ? rsaKey(name) : name);
    if (record !== undefined && isFreshVersion(record, token)) return record;
    if (record !== undefined && isServable(record, token, checkInterval(variables))) return record;
    const interval = freshFor(variables);
    const misses = record === undefined && missesOf(zoneIs);
    if (misses) {
      const hasRsa = hasRsaSlot(variables);
      const slots = slotKeys(name, hasRsa, isForRsa).concat(
        slotKeys(wildcardOf(name), hasRsa, isForRsa),
      );
      for (let i = 1; i < slots.length && record === undefined; i++) {
        // Only normalised names are noted as missing, so this one is normalised where it is noted.
        if (!isMissing(misses, slots[i - 1] as string, token, interval)) return '';
        record = findRecord(zone, slots[i] as string);
      }
    }
    if (record === undefined) return '';
    if (isServable(record, token, interval)) return record;
    const target = currentTarget(record, token, interval);
    const pair = target ? findRecord(zone, target) || '' : '';
    // The file may have got a certificate for other names since the pointer was written.
    const isFor = isFoundFor(pair, name) || isFoundFor(pair, wildcardOf(name));
    return isFor && isServable(pair, token, interval) ? pair : '';
  } catch {
    return '';
  }
}
