import type { Conditions } from '../certs/held';
import { refuse } from '../engine/refusal';

/** The entity tag of a certificate (RFC 9110, 8.8.3): a reader and a writer of it get the same one. */
export function entityTag(fingerprint: string): string {
  return `"${fingerprint}"`;
}

/**
 * The conditions that guard against two writers of one name (RFC 9110, 13.1.1 and 13.1.2): `If-Match` with the entity tag
 * that was read, `If-None-Match: *` for a name that has no pair yet.
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
      const now = tag ? `The certificate held for ${name} is ${tag}.` : `None is held for ${name}.`;
      refuse('precondition-failed', `${now} Read it again before you replace it.`);
    },
  };
}

function isListed(list: string, tag: string): boolean {
  if (tag === '') return false;
  if (list.trim() === '*') return true;
  return list.split(',').some((one) => one.trim() === tag);
}
