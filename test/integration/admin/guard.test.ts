import { afterAll, describe, expect, test } from 'vitest';
import { currentRuntime } from '../../setup/runtimes.js';
import { createAuthority } from '../../support/certificates.js';
import { type HttpRequest, type HttpResponse, send } from '../../support/http.js';
import { nginxConf, startNginx } from '../../support/nginx.js';
import { startSite } from '../../support/site.js';

// Every handler behind every kind of gate: /GATE/HANDLER/certs/NAME.

const NAME = 'a.example';
const PORT = 8444;
const LOOPBACK = '/run/nginx/loopback.sock';

/** What each handler is asked for. All but `list_certs` and `metrics` change something. */
const REQUESTS = {
  clear_cache: { method: 'POST' },
  put_cert: { method: 'PUT' },
  delete_cert: { method: 'DELETE' },
  list_certs: { method: 'GET' },
  metrics: { method: 'GET' },
  admin: { method: 'PUT' },
} satisfies Record<string, HttpRequest>;
type Handler = keyof typeof REQUESTS;
const HANDLERS = Object.keys(REQUESTS) as Handler[];

/** What stands in a location beside the handler. */
const GATES = {
  plain: '',
  password: 'auth_basic admin; auth_basic_user_file certs/htpasswd;',
  realip: 'set_real_ip_from 0.0.0.0/0; set_real_ip_from unix:; real_ip_header X-Forwarded-For;',
  open: 'set $cert_admin_remote on;',
};
type Gate = keyof typeof GATES;

const locations = Object.entries(GATES)
  .flatMap(([gate, directives]) =>
    HANDLERS.map(
      (handler) => `location /${gate}/${handler}/ { ${directives} js_content certs.${handler}; }`,
    ),
  )
  .join('\n    ');

const clients = await createAuthority();
const friend = await clients.issue({ names: ['client.example'] });
const stranger = await (await createAuthority()).issue({ names: ['client.example'] });
// With its chain nginx itself would refuse it: optional_no_ca lets pass what it cannot verify, not what is wrong.
const impostor = { ...stranger, chainPem: stranger.certPem };

const site = await startSite({
  names: [NAME, 'mtls.example'],
  files: { 'clients.pem': clients.rootPem, htpasswd: 'admin:{PLAIN}right\n' },
  http: `
  server {
    listen ${PORT};
    listen unix:/run/nginx/gates.sock;
    ${locations}
  }
  server {
    listen unix:${LOOPBACK};
    location / { proxy_pass http://127.0.0.1:${PORT}; }
  }
  server {
    listen 8443 ssl;
    server_name mtls.example;
    ssl_certificate data:$tls_pair;
    ssl_certificate_key data:$tls_pair;
    ssl_client_certificate certs/clients.pem;
    ssl_verify_client optional_no_ca;
    ${locations}
  }`,
});
const { stdout: ip } = await site.nginx.exec(['hostname', '-i']);
const neighbour = await startNginx({
  runtime: currentRuntime(),
  config: nginxConf({
    runtime: currentRuntime(),
    workers: 1,
    http: `server {
      listen unix:/run/nginx/cert-admin.sock;
      location / { proxy_pass http://${ip.trim()}:${PORT}; }
    }`,
  }),
});
afterAll(() => neighbour.stop());

const sent = await site.authority.issue({ names: [NAME] });
const socketOf = (name: string): { socketPath: string } => ({
  socketPath: site.nginx.adminSocket.replace('cert-admin', name),
});

/** Ways to connect. The host reaches the published port through the container's network: a stranger. */
const ROUTES = {
  host: (path, request) => send(site.nginx.address(PORT), path, request),
  neighbour: (path, request) => neighbour.admin(path, request),
  socket: (path, request) => send(socketOf('gates'), path, request),
  loopback: (path, request) => send(socketOf('loopback'), path, request),
  tls: (path, request) =>
    send(site.nginx.tls, path, {
      tls: { servername: 'mtls.example', ca: site.authority.rootPem },
      ...request,
    }),
} satisfies Record<string, (path: string, request: HttpRequest) => Promise<HttpResponse>>;
type Route = keyof typeof ROUTES;

async function ask(
  route: Route,
  gate: Gate,
  handler: Handler,
  more: HttpRequest = {},
): Promise<HttpResponse> {
  const { method } = REQUESTS[handler];
  const body = method === 'PUT' ? sent.pairPem : '';
  return ROUTES[route](`/${gate}/${handler}/certs/${NAME}`, { method, body, ...more });
}

/** What a refused request must leave as it is: the pair, and the counts of what was done. */
async function state(): Promise<unknown> {
  const serial = await site.serial(NAME);
  const { body } = await site.nginx.admin('/metrics');
  const counts = body.split('\n').filter((line) => /^cert_rotation_(puts|del|clears)/.test(line));
  expect(counts.length).toBeGreaterThan(4);
  return { serial, counts };
}

async function expectRefused(route: Route, gate: Gate, more: HttpRequest = {}): Promise<void> {
  const before = await state();
  for (const handler of HANDLERS) {
    const { status, headers, body } = await ask(route, gate, handler, more);
    expect([status, headers['content-type']], handler).toEqual([403, 'application/problem+json']);
    expect(JSON.parse(body), handler).toMatchObject({ status: 403, code: 'forbidden' });
    expect(Object.keys(headers).join(), handler).not.toMatch(/access-control|allow/);
  }
  expect(await state()).toEqual(before);
}

async function expectAnswered(route: Route, gate: Gate, more: HttpRequest = {}): Promise<void> {
  for (const handler of HANDLERS) {
    // After a delete nothing is held.
    const { status } = await ask(route, gate, handler, more);
    expect([200, 201, 404], handler).toContain(status);
  }
}

const password = (text: string): HttpRequest => ({
  headers: { Authorization: `Basic ${Buffer.from(`admin:${text}`).toString('base64')}` },
});

const certificate = (pair: typeof friend): HttpRequest => ({
  tls: {
    servername: 'mtls.example',
    ca: site.authority.rootPem,
    cert: pair.chainPem,
    key: pair.keyPem,
  },
});

const ADDRESSES = ['127.0.0.1', '::1', 'unix:', 'localhost', '203.0.113.7, 127.0.0.1'];
const liesOf = (address: string): Record<string, string> => ({
  'X-Forwarded-For': address,
  'X-Real-IP': address,
  Forwarded: `for="${address}"`,
  'X-Ssl-Client-Verify': 'SUCCESS',
  'X-Remote-User': 'admin',
});

describe('a client', () => {
  test.each<Route>(['loopback', 'socket'])('on this machine is answered: %s', async (route) => {
    await expectAnswered(route, 'plain');
  });

  test.each<Route>(['host', 'neighbour', 'tls'])('elsewhere is refused: %s', async (route) => {
    await expectRefused(route, 'plain');
  });

  test('elsewhere is answered where $cert_admin_remote is on, and only there', async () => {
    await expectAnswered('neighbour', 'open');
    await expectRefused('neighbour', 'plain');
  });

  test('elsewhere is answered with the password', async () => {
    await expectAnswered('neighbour', 'password', password('right'));
  });

  test.each<[string, HttpRequest]>([
    ['a wrong password', password('wrong')],
    ['an empty one', password('')],
    ['none', {}],
    ['a scheme that is not asked for', { headers: { Authorization: 'Bearer admin' } }],
  ])('with %s does not come as far as a handler', async (_, request) => {
    const before = await state();
    for (const route of ['neighbour', 'loopback'] as const) {
      for (const handler of HANDLERS) {
        expect((await ask(route, 'password', handler, request)).status, handler).toBe(401);
      }
    }
    expect(await state()).toEqual(before);
  });

  test('with a certificate that nginx verified is answered', async () => {
    await expectAnswered('tls', 'plain', certificate(friend));
  });

  test('with a certificate that nginx could not verify is refused', async () => {
    await expectRefused('tls', 'plain', certificate(impostor));
  });

  test.each(ADDRESSES)('elsewhere is refused whatever it says of itself: %s', async (address) => {
    for (const gate of ['plain', 'realip'] as const) {
      await expectRefused('neighbour', gate, { headers: liesOf(address) });
    }
  });

  test.each(['127.0.0.1', '127.8.9.10', '::1', '::ffff:127.0.0.1'])(
    'of a local proxy that names clients is answered on this machine: %s',
    async (address) => {
      await expectAnswered('socket', 'realip', { headers: { 'X-Forwarded-For': address } });
    },
  );

  test.each([
    '203.0.113.7',
    '1.127.0.0',
    '12.7.0.0',
    '::',
    '::11',
    '2001:db8::1',
    '::ffff:10.0.0.1',
  ])('of a local proxy that names clients is refused elsewhere: %s', async (address) => {
    await expectRefused('socket', 'realip', { headers: { 'X-Forwarded-For': address } });
  });
});

describe('a web page', () => {
  const BROWSER = {
    'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
    'Accept-Language': 'en-US,en;q=0.5',
  };
  const IMAGE = { ...BROWSER, Accept: 'image/avif,image/webp,*/*' };
  const FORM = { ...BROWSER, 'Content-Type': 'text/plain' };
  const CROSS = { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'no-cors' };
  const PAGES: [string, HttpRequest][] = [
    [
      'a form that it sends as text',
      { method: 'POST', headers: { ...FORM, Origin: 'https://page.example', ...CROSS } },
    ],
    ['a form in a sandbox', { method: 'POST', headers: { ...FORM, Origin: 'null' } }],
    [
      'its own scripts, where its name points here',
      {
        method: 'PUT',
        headers: { ...BROWSER, Origin: 'http://page.example', Host: 'page.example' },
      },
    ],
    [
      'a script of the same site',
      { method: 'PUT', headers: { Origin: 'http://localhost', 'Sec-Fetch-Site': 'same-origin' } },
    ],
    ['an image', { method: 'GET', headers: { ...IMAGE, ...CROSS } }],
    ['an image, to a plain address', { method: 'GET', headers: IMAGE }],
    [
      'an image, on a sibling of this host',
      { method: 'GET', headers: { ...IMAGE, 'Sec-Fetch-Site': 'same-site' } },
    ],
    [
      'a script that asks first',
      {
        method: 'OPTIONS',
        headers: {
          ...BROWSER,
          ...CROSS,
          Origin: 'https://page.example',
          'Access-Control-Request-Method': 'PUT',
          'Access-Control-Request-Headers': 'content-type',
        },
      },
    ],
  ];

  test.each(PAGES)('of an operator on this machine is refused: %s', async (_, request) => {
    await expectRefused('loopback', 'plain', request);
  });

  test.each(PAGES)('of an operator with a password is refused: %s', async (_, request) => {
    const headers = { ...request.headers, ...password('right').headers };
    await expectRefused('neighbour', 'password', { ...request, headers });
  });

  test('is not told of other methods by those who may ask for them', async () => {
    const { status, headers } = await ask('loopback', 'plain', 'admin', { method: 'OPTIONS' });
    expect([status, headers['allow']]).toEqual([405, 'GET, PUT, POST, DELETE']);
    expect(Object.keys(headers).join()).not.toContain('access-control');
  });

  test('is another thing than an operator who types the address', async () => {
    const headers = { ...BROWSER, 'Sec-Fetch-Site': 'none', 'Sec-Fetch-Mode': 'navigate' };
    expect((await ask('loopback', 'plain', 'list_certs', { headers })).status).toBe(200);
  });
});
