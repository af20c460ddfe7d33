import { resolve } from './cold';
import { chainOf, isServable, keyOf, pemOf } from './record';
import { type Session, checkInterval, fallback, variablesOf, zoneName } from './settings';
import { clearToken, find, isMissing, missesOf, zoneNamed } from './store';
import { wildcardOf } from './server_name';

// nginx asks for certificate and key in two calls. Both are answered from one record, whatever other workers write in
// between. Under QuickJS the module outlives the handshake: what is remembered is for the same request object only.
let memoSession: Session | undefined;
let memoRecord = '';

/**
 * Chain and key of the handshake's server name in one PEM, for `js_set`.
 *
 * @returns '' where there is no pair to serve: nginx then logs one error and ends the handshake
 */
export function js_pair(r: Session): string {
  return pemOf(recordFor(r));
}

/** The chain alone, as PEM, for `js_set`; '' where there is none. */
export function js_cert(r: Session): string {
  return chainOf(recordFor(r));
}

/** The key alone, as PEM, for `js_set`: that of the chain which `js_cert` returns for the same handshake. */
export function js_key(r: Session): string {
  return keyOf(recordFor(r));
}

function recordFor(r: Session): string {
  if (memoSession !== r) {
    memoRecord = freshRecord(r) || resolve(r);
    memoSession = r;
  }
  return memoRecord;
}

/**
 * The hot path: a fresh record in the zone under the server name as the client sent it, or under its wildcard where it
 * is known that the name has no files of its own. Reads the dictionary, and does nothing else.
 *
 * @returns '' where that is not enough
 */
function freshRecord(r: Session): string {
  try {
    const variables = variablesOf(r);
    const zoneIs = zoneName(variables);
    const zone = zoneNamed(zoneIs);
    const sni = variables['ssl_server_name'] || fallback(variables);
    if (!zone || !sni) return '';
    const token = clearToken(zone);
    const interval = checkInterval(variables);
    const record = find(zone, sni);
    if (record !== undefined) {
      // A wildcard's record is for the names under it. `*` is no part of a name that a client may ask for.
      const isName = sni.charAt(0) !== '*';
      return isName && isServable(record, token, interval) ? record : '';
    }
    const misses = missesOf(zoneIs);
    // Only normalised names are noted as missing, so that this one is.
    if (!misses || !isMissing(misses, sni, token, interval)) return '';
    const wildcard = find(zone, wildcardOf(sni));
    return wildcard !== undefined && isServable(wildcard, token, interval) ? wildcard : '';
  } catch {
    return '';
  }
}
