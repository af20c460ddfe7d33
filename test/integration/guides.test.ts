import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { currentRuntime } from '../setup/runtimes.js';
import { createAuthority, writePair } from '../support/certificates.js';
import { makeWorkDirectory, startNginx } from '../support/nginx.js';
import { handshake } from '../support/tls_client.js';
import { textOf } from './examples.js';

// What the guides of nginx/README.md make of a configuration is started.

const NAME = 'www.example.com';

/** The fenced blocks of a language, without the indentation of the list that they are in. */
function blocksOf(markdown: string, language: string): string[] {
  const blocks = markdown.matchAll(
    new RegExp(`^( *)\`\`\`${language}\\n([^]*?)\\n\\1\`\`\`$`, 'gm'),
  );
  return [...blocks].map(([, indent = '', text = '']) =>
    text.replaceAll(`\n${indent}`, '\n').slice(indent.length),
  );
}

/** The lines of a diff that begin with one of some characters, without it. */
function linesOf(diff: string, begin: string): string[] {
  const lines = diff.split('\n').filter((line) => begin.includes(line.charAt(0)));
  return lines.map((line) => line.slice(1).trim());
}

const diffs = blocksOf(textOf('README.md'), 'diff');
const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8');
const common = /cert_rotation\.conf <<'END'\n([^]*?)\nEND\n/.exec(readme)?.[1] ?? '';

const ofHttp = diffs.filter((diff) => /^ server \{/m.test(diff));
const authority = await createAuthority();

test('each guide with a server has its diff', () => {
  expect([diffs.length, ofHttp.length]).toEqual([4, 3]);
});

describe.each(ofHttp.map((diff, i) => ({ diff, number: i + 1 })))(
  'diff $number',
  async ({ diff }) => {
    const runtime = currentRuntime();
    const directory = makeWorkDirectory();
    const pair = await authority.issue({ names: [NAME] });
    await writePair(join(directory, 'certs'), NAME, pair);
    const nginx = await startNginx({
      directory,
      runtime,
      ports: [443],
      config: `
      load_module modules/ngx_http_js_module.so;
      events {}
      http {
        access_log off;
        ${runtime.engine ? `js_engine ${runtime.engine};` : ''}
        ${common}
        ${linesOf(diff, ' +').join('\n')}
      }`,
    });
    afterAll(() => nginx.stop());

    test('starts without a warning, serves, and is cleared', async () => {
      expect(nginx.log()).not.toMatch(/\[(warn|error|crit|alert|emerg)\]/);
      const client = { ...nginx.address(443), servername: NAME };
      expect((await handshake(client)).serial).toBe(pair.serial);
      const renewed = await authority.issue({ names: [NAME] });
      await writePair(nginx.certsDirectory, NAME, renewed);
      expect((await nginx.admin('/clear')).body).toBe('{"cleared":"all"}\n');
      expect((await handshake(client)).serial).toBe(renewed.serial);
    });
  },
);

test('the other diff is that of nginx.conf and unprivileged.conf', () => {
  const diff = diffs.find((one) => !ofHttp.includes(one)) ?? '';
  const has = (path: string, line: string): boolean =>
    textOf(path)
      .split('\n')
      .some((text) => text.trim().startsWith(line));
  for (const line of linesOf(diff, ' +')) expect(has('unprivileged.conf', line), line).toBe(true);
  for (const line of linesOf(diff, ' -')) expect(has('nginx.conf', line), line).toBe(true);
  for (const line of linesOf(diff, '-')) expect(has('unprivileged.conf', line), line).toBe(false);
});
