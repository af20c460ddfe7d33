import type { Certificate } from './certificate';

// Reads server names: of clients, of requests, and of certificates.

/** The most characters of a name in text form: RFC 1035, 2.3.4, limits it to 255 bytes in a message. */
const LONGEST = 253;
/**
 * Characters that are not in a name. The text is tested before it is made lower case, since the lower case of some other letters is
 * ASCII. The pattern has no `$`, which in the njs engine also matches before a line feed at the end.
 */
const FOREIGN = /[^A-Za-z0-9_.-]/;

/**
 * Normalises a server name that a client or an operator gave.
 *
 * @param text any text: nginx passes the SNI on unchanged
 * @returns the name in lower case without a trailing dot; '' where the text is no name. A name consists of letters, digits, hyphens,
 *   underscores and single dots, so that it cannot lead out of a folder.
 */
export function normalise(text: string): string {
  if (text.length > LONGEST + 1 || FOREIGN.test(text)) return '';
  const lower = text.toLowerCase();
  const name = lower.charAt(lower.length - 1) === '.' ? lower.slice(0, -1) : lower;
  const hasEmptyLabel = `.${name}.`.indexOf('..') >= 0;
  return hasEmptyLabel || name.length > LONGEST ? '' : name;
}

/**
 * Normalises a server name or a wildcard such as `*.example.com`.
 *
 * @returns '' where the text is neither
 */
export function normaliseWithWildcard(text: string): string {
  if (text.slice(0, 2) !== '*.') return normalise(text);
  const parent = normalise(text.slice(2));
  return parent && parent.length + 2 <= LONGEST ? `*.${parent}` : '';
}

/**
 * The wildcard that covers a name, in which `*` stands for the whole first label (RFC 9525, 6.3).
 *
 * @param name a normalised name
 * @returns `*.example.com` for `a.example.com`; '' for a name of one label
 */
export function wildcardOf(name: string): string {
  const dot = name.indexOf('.');
  return dot > 0 ? '*' + name.slice(dot) : '';
}

/** The names of a certificate that are server names or wildcards, normalised and without repetitions. */
export function serverNamesOf(certificate: Certificate): string[] {
  return certificate.names
    .map(normaliseWithWildcard)
    .filter((name, i, all) => name && all.indexOf(name) === i);
}
