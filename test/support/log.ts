import { expect } from 'vitest';
import type { Pair } from './certificates.js';
import type { Site } from './site.js';

/**
 * The error log's lines of level `error` and above.
 *
 * @param from how many characters of the log to pass over
 */
export function errorsOf(site: Site, from = 0): string[] {
  const lines = site.nginx.log().slice(from).split('\n');
  return lines.filter((line) => /\[(error|crit|alert|emerg)\]/.test(line));
}

/** No line of a key's base64, and no PEM at all, may stand in the log. */
export function expectNoKey(site: Site, pairs: Pair[]): void {
  const log = site.nginx.log();
  expect(log).not.toContain('-----BEGIN');
  for (const { keyPem } of pairs) {
    for (const line of keyPem.split('\n').filter((text) => !text.startsWith('---') && text)) {
      expect(log).not.toContain(line);
    }
  }
}
