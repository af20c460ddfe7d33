import { resolve } from './certs/resolve';
import { RSA_PREFIX } from './config/slot';
import type { Session, Variables } from './engine/session';
import { otherAnswer, pemAnswer } from './warm';
import { CLEAR_KEY, FIRST_TOKEN } from './zone/clear_token';
import { zoneNamed } from './zone/dict';
import { type Part, freshPathOf, partOf } from './zone/record';

/** The value where there is no pair: nginx logs one error and ends the handshake, even where an empty value would mean no certificate. */
const NOTHING = 'data:';

/** The line feed lets a directive with "data:" in front of the variable work as well: PEM may begin with other lines. */
const DATA = 'data:\n';

// nginx asks for certificate and key in two calls. Both are answered from one record, whatever other workers write in
// between. Under QuickJS the module outlives the handshake, so the memo is valid for the same request object only. One
// request may ask for several names, where it connects to several upstreams. An answer is the path of a version, or a record with PEM.
let memoSession: Session | undefined;
let memoName: string | undefined;
let memoAnswer: string | undefined;
let memoRsaAnswer: string | undefined;

/**
 * The chain and key of the handshake's server name, for `js_set`: the path of a version in the store, which has both, or
 * without a store `data:` and the PEM of both.
 *
 * @returns `data:` alone where there is no pair to serve
 */
export function js_pair(r: Session): string {
  return valueFor(r, false, 'pair');
}

/**
 * The value of `js_pair` for a second `ssl_certificate` line: the RSA pair where the name has one beside another. Without
 * `$cert_file_rsa` the three handlers of the RSA slot answer as the others do.
 */
export function js_pair_rsa(r: Session): string {
  return valueFor(r, true, 'pair');
}

/** The chain, for `js_set`: the path of the version that `js_pair` returns, or `data:` and the chain's PEM alone. */
export function js_cert(r: Session): string {
  return valueFor(r, false, 'chain');
}

/** The key of the chain that `js_cert` returns for the same handshake, in the same form. */
export function js_key(r: Session): string {
  return valueFor(r, false, 'key');
}

/** The chain of the pair that `js_pair_rsa` returns, in the form of `js_cert`. */
export function js_cert_rsa(r: Session): string {
  return valueFor(r, true, 'chain');
}

/** The key of the pair that `js_pair_rsa` returns, in the form of `js_key`. */
export function js_key_rsa(r: Session): string {
  return valueFor(r, true, 'key');
}

/** @param isForRsa for the handlers of the RSA slot */
function valueFor(r: Session, isForRsa: boolean, part: Part): string {
  const { variables } = r as { variables: Variables };
  const name = variables['cert_name'];
  if (memoSession !== r || memoName !== name) {
    memoSession = r;
    memoName = name;
    memoAnswer = undefined;
    memoRsaAnswer = undefined;
  }
  let answer = isForRsa ? memoRsaAnswer : memoAnswer;
  if (answer === undefined) {
    answer = freshAnswer(variables, name, isForRsa) || resolve(r, isForRsa);
    if (isForRsa) memoRsaAnswer = answer;
    else memoAnswer = answer;
  }
  if (!answer) return NOTHING;
  // A path begins with a slash, and a record with a digit.
  return answer < '0' ? answer : DATA + partOf(answer, part);
}

/**
 * The hot path: reads the clear token and the record of the server name as it was asked for, and does nothing else where that
 * is a fresh version.
 *
 * @param nameInstead of the client's: `$cert_name`
 * @returns '' where it takes a look at more than the zone
 */
function freshAnswer(
  variables: Variables,
  nameInstead: string | undefined,
  isForRsa: boolean,
): string {
  try {
    const zone = zoneNamed(variables['cert_zone'] || 'certs');
    const name = nameInstead || variables['ssl_server_name'] || variables['cert_fallback'];
    // Keys that begin with `*` or `#` are not for clients, and no character of a name comes before `+`.
    if (!zone || !name || name < '+') return '';
    const token = zone.get(CLEAR_KEY) || FIRST_TOKEN;
    const record = zone.get(isForRsa && variables['cert_file_rsa'] ? RSA_PREFIX + name : name);
    if (record !== undefined) {
      const answer = freshPathOf(record, token) || pemAnswer(variables, record, token);
      if (answer) return answer;
    }
    return otherAnswer(variables, name, isForRsa, record, token);
  } catch {
    return '';
  }
}
