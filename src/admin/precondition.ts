import { refuse } from '../refusal';

/** The entity tag of a certificate (RFC 9110, 8.8.3): the same for who has read it and for who has put it. */
export function entityTag(fingerprint: string): string {
  return `"${fingerprint}"`;
}

/**
 * Guards against two writers of one name (RFC 9110, 13.1.1 and 13.1.2): `If-Match` with the entity tag that was read,
 * `If-None-Match: *` for a name that nobody holds yet.
 *
 * @param tag of what is held; '' where nothing is. Called only for who asks: it takes a certificate to be read
 * @throws precondition-failed
 */
export function expectPrecondition(r: NginxHTTPRequest, name: string, tag: () => string): void {
  if (!isConditional(r)) return;
  const ifMatch = r.headersIn['If-Match'];
  const ifNoneMatch = r.headersIn['If-None-Match'];
  const held = tag();
  const isMet =
    (ifMatch === undefined || isListed(ifMatch, held)) &&
    (ifNoneMatch === undefined || !isListed(ifNoneMatch, held));
  if (!isMet) {
    const now = held ? `The certificate held for ${name} is ${held}.` : `None is held for ${name}.`;
    refuse('precondition-failed', `${now} Read it again before you replace it.`);
  }
}

/** Whether a request has such a condition. */
export function isConditional({ headersIn }: NginxHTTPRequest): boolean {
  return headersIn['If-Match'] !== undefined || headersIn['If-None-Match'] !== undefined;
}

function isListed(list: string, tag: string): boolean {
  if (tag === '') return false;
  if (list.trim() === '*') return true;
  return list.split(',').some((one) => one.trim() === tag);
}
