import type { Certificate } from './certificate';

// RFC 1035, 2.3.4, as text.
const LONGEST = 253;
// Of the text as it came: there are other letters whose lower case is ASCII. And no pattern with `$`, which in the njs
// engine also matches before a line feed at the end.
const FOREIGN = /[^A-Za-z0-9_.-]/;

/**
 * Reads what a client sent as the server name, or an operator wrote as one.
 *
 * @param text anything: nginx passes the SNI on as it came
 * @returns the name in lower case without a trailing dot, or '' where it is none. It holds only letters, digits,
 *   hyphens, underscores and single dots, so that it cannot lead out of a folder.
 */
export function normalise(text: string): string {
  if (text.length > LONGEST + 1 || FOREIGN.test(text)) return '';
  const lower = text.toLowerCase();
  const name = lower.charAt(lower.length - 1) === '.' ? lower.slice(0, -1) : lower;
  const hasEmptyLabel = `.${name}.`.indexOf('..') >= 0;
  return hasEmptyLabel || name.length > LONGEST ? '' : name;
}

/** The same for a name that may also be a wildcard, `*.example.com`. */
export function normaliseWithWildcard(text: string): string {
  if (text.slice(0, 2) !== '*.') return normalise(text);
  const parent = normalise(text.slice(2));
  return parent && parent.length + 2 <= LONGEST ? `*.${parent}` : '';
}

/**
 * The wildcard that a name falls under (RFC 9525, 6.3: `*` stands for the whole first label).
 *
 * @param name a normalised name
 * @returns `*.example.com` for `a.example.com`, '' for a name of one label
 */
export function wildcardOf(name: string): string {
  const dot = name.indexOf('.');
  return dot > 0 ? '*' + name.slice(dot) : '';
}

/** The server names among the DNS names of a certificate, normalised, each once. */
export function serverNamesOf(certificate: Certificate): string[] {
  return certificate.names
    .map(normaliseWithWildcard)
    .filter((name, i, all) => name && all.indexOf(name) === i);
}
