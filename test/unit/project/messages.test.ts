import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../../support/documents.js';

// The messages of the script that docs/troubleshooting.md has are those that the script has.

const PAGE = readFileSync(join(ROOT, 'docs/troubleshooting.md'), 'utf8');
const BUNDLE = readFileSync(join(ROOT, 'dist/cert_rotation.js'), 'utf8');

/** What the page leaves out of a message, or writes a word in the place of. */
const LEFT_OUT = /\.\.\.|\b(?:NAME|CODE|PATH|N|M)\b|"/;
/** What the operating system says. */
const OF_THE_SYSTEM = /Permission denied|No such file or directory|No space left on device/;

/** The parts of each message that have to stand in the script. */
const parts = [...PAGE.matchAll(/^\| `cert_rotation: ([^`]+)`/gm)].flatMap(([, message = '']) =>
  message
    .split(LEFT_OUT)
    .flatMap((part) => part.split(/: |; |, |\(etcd /))
    .map((part) => part.trim())
    .filter((part) => part.length > 4 && !OF_THE_SYSTEM.test(part) && !part.startsWith('/')),
);

test('the page has messages', () => {
  expect(parts.length).toBeGreaterThan(20);
});

test.each([...new Set(parts)])('%s', (part) => {
  expect(BUNDLE).toContain(part);
});
