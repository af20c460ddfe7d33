import { refuse } from '../engine/refusal';

/** The parts of `$cert_scan`: a folder, and a prefix and a suffix around the `*` in the names of the folder's entries. */
export interface ScanPattern {
  /** An absolute path. */
  folder: string;
  prefix: string;
  suffix: string;
}

/**
 * Reads `$cert_scan`. The `*` is in the last part of the path, or, for a folder per certificate, in the part before that.
 *
 * @param text such as `/etc/nginx/tls/*.crt`
 * @throws malformed
 */
export function readScanPattern(text: string): ScanPattern {
  const parts = text.split('/');
  const at = parts.map((part) => part.indexOf('*') >= 0).indexOf(true);
  const part = (parts[at] || '').split('*');
  const hasOneStar = text.split('*').length === 2 && text.indexOf('{name}') < 0;
  const isLate = at > 0 && at >= parts.length - 2;
  if (text.charAt(0) !== '/' || !hasOneStar || !isLate || parts[parts.length - 1] === '') {
    refuse(
      'malformed',
      `$cert_scan "${text}" has to be an absolute path with one * in its last part or the one before that, such as /etc/letsencrypt/live/*/fullchain.pem`,
    );
  }
  return {
    folder: parts.slice(0, at).join('/') || '/',
    prefix: part[0] as string,
    suffix: part[1] as string,
  };
}

/**
 * The stems of the folder's entries, which are the texts that `*` stands for. As in a shell, an entry that begins with a dot has
 * none.
 *
 * @param entries the names in the folder
 */
export function stemsIn({ prefix, suffix }: ScanPattern, entries: string[]): string[] {
  const fixed = prefix.length + suffix.length;
  const stems: string[] = [];
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i] as string;
    const isMatch = entry.length > fixed && entry.startsWith(prefix) && entry.endsWith(suffix);
    if (isMatch && entry.charAt(0) !== '.')
      stems.push(entry.slice(prefix.length, entry.length - suffix.length));
  }
  return stems;
}
