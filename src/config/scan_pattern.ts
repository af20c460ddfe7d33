import { refuse } from '../engine/refusal';

/** `$cert_scan` taken apart: FOLDER/PREFIX*SUFFIX, and what follows in the entries of that folder. */
export interface ScanPattern {
  folder: string;
  prefix: string;
  suffix: string;
}

/**
 * Takes `$cert_scan` apart.
 *
 * @param template as in `/etc/nginx/tls/*.crt` or `/etc/nginx/certs/*.pem`
 * @throws malformed
 */
export function readScanPattern(template: string): ScanPattern {
  const parts = template.split('/');
  const at = parts.map((part) => part.indexOf('*') >= 0).indexOf(true);
  const part = (parts[at] || '').split('*');
  const isOne = template.split('*').length === 2 && template.indexOf('{name}') < 0;
  const isLate = at > 0 && at >= parts.length - 2;
  if (template.charAt(0) !== '/' || !isOne || !isLate || parts[parts.length - 1] === '') {
    refuse(
      'malformed',
      `$cert_scan "${template}" has to be an absolute path with one * in its last part or the one before that, as in /etc/letsencrypt/live/*/fullchain.pem`,
    );
  }
  return {
    folder: parts.slice(0, at).join('/') || '/',
    prefix: part[0] as string,
    suffix: part[1] as string,
  };
}

/** What `*` stands for in the entries of the folder; as in a shell, it does not stand for a dot at the beginning. */
export function stemsIn({ prefix, suffix }: ScanPattern, entries: string[]): string[] {
  const fixed = prefix.length + suffix.length;
  const stems: string[] = [];
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i] as string;
    const isOne = entry.length > fixed && entry.startsWith(prefix) && entry.endsWith(suffix);
    if (isOne && entry.charAt(0) !== '.')
      stems.push(entry.slice(prefix.length, entry.length - suffix.length));
  }
  return stems;
}
