import type { Conditions } from '../certs/held';
import { refuse } from '../engine/refusal';

/**
 * The entity tag of a certificate (RFC 9110, 8.8.3). The answers to a read and to a put of it have the same one.
 *
 * @param fingerprint SHA-256 in lower-case hex
 */
export function entityTag(fingerprint: string): string {
  return `"${fingerprint}"`;
}

/**
 * Reads the conditions that protect a name from concurrent writers (RFC 9110, 13.1.1 and 13.1.2): `If-Match` with the entity tag
 * that the client has read, `If-None-Match: *` for a name without a pair.
 */
export function conditionsOf({ headersIn }: NginxHTTPRequest): Conditions {
  const ifMatch = headersIn['If-Match'];
  const ifNoneMatch = headersIn['If-None-Match'];
  return {
    isConditional: ifMatch !== undefined || ifNoneMatch !== undefined,
    check: (name, fingerprint) => {
      const tag = fingerprint && entityTag(fingerprint);
      const isMet =
        (ifMatch === undefined || isListed(ifMatch, tag)) &&
        (ifNoneMatch === undefined || !isListed(ifNoneMatch, tag));
      if (isMet) return;
      const current = tag
        ? `The certificate of ${name} is ${tag}.`
        : `There is no certificate for ${name}.`;
      refuse('precondition-failed', `${current} Read it again before you replace it.`);
    },
  };
}

/** @param tag '' where there is no pair, which no condition matches */
function isListed(list: string, tag: string): boolean {
  if (tag === '') return false;
  if (list.trim() === '*') return true;
  return list.split(',').some((one) => one.trim() === tag);
}
