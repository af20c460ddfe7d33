import { describe, expect, test } from 'vitest';
import { MARK } from '../../support/hostile_names.js';
import { startTools, type Tools } from '../../support/tools.js';
import { errorsOf } from '../../support/log.js';
import { startSite, type Site, type SiteOptions } from '../../support/site.js';

// nginx asks for a certificate in QUIC from another place than in TCP: what a server name leads to is to be the same.

const NAME = 'a.example';
const WILDCARD = '*.w.example';
const FALLBACK = 'fallback.example';
const LONG = `${'x'.repeat(60)}.`.repeat(4);

/** Each HostName with the name whose certificate it is served where there is one for it. */
const OWNED: [string, string][] = [
  [NAME, NAME],
  ['A.EXAMPLE', NAME],
  ['a.example.', NAME],
  ['x.w.example', WILDCARD],
  ['X.W.Example.', WILDCARD],
  ['_.w.example', WILDCARD],
];

/** No names, and names that nobody has. `openssl` takes an empty one for none. */
const OTHERS = [
  ...['b.example', 'x.y.w.example', 'w.example', '.w.example', '*.w.example'],
  ...[
    '../certs/a.example',
    '/etc/nginx/certs/a.example',
    'a.example/',
    'a example',
    'a.example%00',
  ],
  ...[
    '{name}',
    '$ssl_server_name',
    'data:x',
    '#clear',
    '#lock:a.example',
    '__proto__',
    'é.w.example',
  ],
  ...[`a.example\n${MARK}`, `\x1b[31m${MARK}`, `${LONG}w.example`, 'x'.repeat(255)],
];

/** Writes a line for each argument: the serial number that a handshake with it as HostName is served, or nothing. */
const CLIENT = `
  for name in "$@"; do
    case $name in '') set -- -noservername ;; *) set -- -servername "$name" ;; esac
    echo | openssl s_client -quic -alpn h3 -connect 127.0.0.1:8443 "$@" 2>&1 | openssl x509 -noout -serial 2>&1 |
      sed -n 's/^serial=//p' | grep . || echo
  done`;

async function served(tools: Tools, names: string[]): Promise<string[]> {
  const { stdout } = await tools.run(['sh', '-c', CLIENT, 'sh', ...names], 60_000);
  return stdout.split('\n').slice(0, -1);
}

async function start(options: SiteOptions): Promise<Site> {
  const names = [NAME, WILDCARD, FALLBACK];
  return startSite({ names, server: 'listen 8443 quic reuseport;', ...options });
}

/** Those that are not about a client which leaves in the middle of it, as `openssl` does. */
function errors(site: Site): string[] {
  return errorsOf(site).filter((line) => !line.includes('failed to send stream cancellation'));
}

describe('over QUIC', async () => {
  const site = await start({ variables: 'two', settings: { fallback: FALLBACK } });
  const tools = await startTools(site.nginx);

  test.skipIf(tools.areMissing)('a server name is served what it is over TCP', async () => {
    const names = [...OWNED.map(([name]) => name), ...OTHERS, ''];
    const serials = await served(tools, names);
    const expected = names.map((_, i) => site.serials[OWNED[i]?.[1] ?? FALLBACK]);
    const wrong = names.filter((_, i) => serials[i] !== expected[i]);
    expect(wrong).toEqual([]);
    expect(errors(site)).toEqual([]);
    expect(site.nginx.log()).not.toContain(MARK);
  });
});

describe('over QUIC, without a fallback', async () => {
  const site = await start({});
  const tools = await startTools(site.nginx);

  test.skipIf(tools.areMissing)('others are served nothing, and harm nobody', async () => {
    const names = ['b.example', '../certs/a.example', ''];
    expect(await served(tools, [...names, NAME])).toEqual(['', '', '', site.serials[NAME]]);
    // nginx 1.26 has a second line for each.
    const lines = errors(site).filter((line) => !line.includes('SSL_do_handshake() failed'));
    expect(lines).toHaveLength(names.length);
    for (const line of lines) expect(line).toContain('cannot load certificate "data:data:": ');
  });
});
