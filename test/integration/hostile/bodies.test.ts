import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { hostile, type Sample } from '../../support/hostile.js';
import { send, type HttpResponse } from '../../support/http.js';
import type { Processes } from '../../support/nginx.js';
import { startSite } from '../../support/site.js';

// Whatever is sent to the handlers, they answer as documented, nothing is logged that should not be, no worker ends, and
// what is in place stays. A failure shows the body and names the seed: keys and certificates are new in each run, what is
// done to them is not; INPUTS=100000 and SEED=n look further than a test run should.

const INPUTS = Number(process.env['INPUTS'] ?? 3000);
const SEED = Number(process.env['SEED'] ?? 1);
const LANES = 8;
const MIB = 2 ** 20;

/** Those of the handlers; others than 507 and the documented 500 are no fault of nginx either. */
const STATUSES = [200, 201, 400, 403, 404, 405, 412, 413, 422];
/** Where nginx answers by itself: also a URI too long, methods and transfer encodings it does not know. */
const OF_NGINX = [400, 404, 405, 413, 414, 501, 505];
const CODES = [
  ...['malformed', 'forbidden', 'not-found', 'method-not-allowed', 'precondition-failed'],
  ...['too-large', 'key-mismatch', 'expired', 'name-not-covered', 'encrypted-key', 'weak'],
  ...['unsupported-key', 'bad-chain'],
];

const site = await startSite({
  names: ['disk.example'],
  zones: 'js_shared_dict_zone zone=certs:8m;',
  http: `server {
    listen unix:/run/nginx/memory.sock;
    client_max_body_size 2m;
    client_body_buffer_size 2m;
    keepalive_requests 1000000;
    lingering_timeout 10ms;
    location / { return 404; }
    location = /clear { js_content certs.clear_cache; }
    location /certs/  { js_content certs.admin; }
  }`,
});
const { nginx } = site;
/** Beside `nginx.adminSocket`, where nginx writes bodies to files. */
const socketPath = nginx.adminSocket.replace('cert-admin', 'memory');

const held = await site.authority.issue({ names: ['held.example'] });
const samples: Sample[] = [
  await site.authority.issue({ names: ['*.fuzz.example'] }),
  await site.authority.issue({ names: ['*.fuzz.example', 'fuzz.example'], keyType: 'rsa' }),
];
const good = samples[0]!;
const goodPem = good.chainPem + good.keyPem;

const keyMaterial = new Set<string>();
for (const { keyPem } of [held, ...samples]) {
  const base64 = keyPem.replace(/-.*-|\n/g, '');
  for (let at = 0; at + 24 <= base64.length; at++) keyMaterial.add(base64.slice(at, at + 24));
}

let before: unknown;
let processes: Processes;
/** How much of the log was looked at. */
let looked = 0;

beforeAll(async () => {
  const { status } = await nginx.admin('/certs/held.example', {
    method: 'PUT',
    body: held.pairPem,
  });
  expect(status).toBe(201);
  before = await inPlace();
  processes = await nginx.processes();
});

afterEach(async () => {
  expect(await nginx.processes()).toEqual(processes);
  expect(await inPlace()).toEqual(before);
  const log = nginx.log().slice(looked);
  looked += log.length;
  const faults = log
    .split('\n')
    .filter((line) => /exception|\w+Error\b|\[(alert|crit|emerg)\]|\[error\].*js:/.test(line));
  expect(faults.slice(0, 5)).toEqual([]);
  expectNoKey(log, 'the log');
});

/** What nobody but the test may change: what is served and listed for two names, and the files. */
async function inPlace(): Promise<unknown> {
  const served: unknown[] = [];
  for (const servername of ['held.example', 'disk.example']) {
    served.push(await servedFor(servername));
    const { body } = await nginx.admin(`/certs/${servername}`, {
      headers: { Accept: 'application/pem-certificate-chain' },
    });
    served.push(body);
  }
  const files = readdirSync(nginx.certsDirectory).map((file) => [
    file,
    readFileSync(join(nginx.certsDirectory, file), 'utf8'),
  ]);
  return { served, files };
}

function expectNoKey(text: string, where: string): void {
  for (let at = 0; at + 24 <= text.length; at++) {
    if (keyMaterial.has(text.slice(at, at + 24))) {
      throw new Error(`key material in ${where}: ...${text.slice(Math.max(at - 200, 0), at)}`);
    }
  }
}

/** @param isNginx whether nginx may have answered in place of a handler */
function expectDocumented(answer: HttpResponse, what: string, isNginx = false): void {
  const { status, headers, body } = answer;
  expectNoKey(body, `an answer to ${what}`);
  if (isNginx && headers['content-type'] === 'text/html') {
    expect(OF_NGINX, `${what}: ${body}`).toContain(status);
    return;
  }
  expect(STATUSES, `${what}: ${body}`).toContain(status);
  if (status < 400 || body === '') return;
  expect(headers['content-type'], what).toBe('application/problem+json');
  const problem = JSON.parse(body) as { status: number; code: string };
  expect(problem.status, what).toBe(status);
  expect(CODES, what).toContain(problem.code);
}

test(
  `${INPUTS} bodies: each gets an answer of the table, and what is taken is served`,
  async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: LANES });
    const seen: Record<string, number> = {};
    let next = 0;

    async function lane(number: number): Promise<void> {
      for (let i = next++; i < INPUTS; i = next++) {
        const { body, headers } = hostile(samples, SEED * 1_000_003 + i);
        // One lane only puts the wildcard, so that what it is told is what is served.
        const own = number === 0 ? '' : `lane${number}.fuzz.example`;
        const path = `/certs/${i % 8 === 0 ? 'held.example' : own}`;
        const method = i % 2 === 0 ? 'PUT' : 'POST';
        const what = `body ${i} of seed ${SEED}, ${method} ${path}:\n${body.toString('latin1')}`;
        const answer = await ask(agent, method, path, headers, body);
        expectDocumented(answer, what);
        const code = /"code":"([^"]*)"/.exec(answer.body)?.[1] ?? String(answer.status);
        seen[code] = (seen[code] ?? 0) + 1;
        if (answer.status < 300) await expectServed(answer.body, what);
      }
    }
    await Promise.all(Array.from({ length: LANES }, (_, number) => lane(number)));
    agent.destroy();
    // They are no test where they all fail alike.
    for (const code of ['200', 'malformed', 'key-mismatch', 'name-not-covered', 'bad-chain']) {
      expect(seen[code], code).toBeGreaterThan(INPUTS / 500);
    }
    if (process.env['INPUTS']) console.log(seen);
  },
  60_000 + INPUTS * 5,
);

async function expectServed(body: string, what: string): Promise<void> {
  const { name, fingerprint_sha256 } = JSON.parse(body) as Record<string, string>;
  const servername = name!.replace('*', 'any');
  expect(await servedFor(servername), what).toBe(fingerprint_sha256);
}

/**
 * The fingerprint of the served leaf. Nothing in it is looked at: what OpenSSL cannot read in a damaged extension, Node
 * reports where it is next asked for something else.
 */
async function servedFor(servername: string): Promise<string> {
  const socket = connectTls({ ...nginx.tls, servername, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const { raw } = socket.getPeerX509Certificate()!;
  socket.end();
  return createHash('sha256').update(raw).digest('hex');
}

async function ask(
  agent: Agent,
  method: string,
  path: string,
  headers: Record<string, string>,
  body: Buffer,
): Promise<HttpResponse> {
  const length = { 'Content-Length': String(body.length) };
  return new Promise((resolve, reject) => {
    const options = { socketPath, agent, method, path, headers: { ...headers, ...length } };
    const sent = request(options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text });
      });
    });
    sent.setTimeout(20_000, () => sent.destroy(new Error(`no answer to ${method} ${path}`)));
    sent.on('error', reject);
    sent.end(body);
  });
}

const key = JSON.stringify(good.keyPem);
const LARGE: [string, string | Buffer, number][] = [
  ['1 MiB of hyphens', '-'.repeat(MIB), 400],
  ['1 MiB of BEGIN lines', repeated('-----BEGIN CERTIFICATE-----\n'), 400],
  ['1 MiB of BEGIN', repeated('-----BEGIN '), 400],
  ['1 MiB of empty blocks', repeated('-----BEGIN A-----\n-----END A-----\n'), 400],
  ['1 MiB of blocks with headers', repeated('-----BEGIN A-----\na:\n\n-----END A-----\n'), 400],
  ['a block of 1 MiB', `-----BEGIN A-----\n${repeated('A').slice(99)}\n-----END A-----\n`, 400],
  ['1 MiB of colons', `-----BEGIN A-----\n${repeated(':').slice(99)}\n-----END A-----\n`, 400],
  ['1 MiB of white space', repeated(' \n\t\r'), 400],
  ['1 MiB of white space in a block', `-----BEGIN A-----\n:${repeated('\n ').slice(99)}x`, 400],
  ['1 MiB of white space before JSON', `${repeated(' ').slice(9)}{"a":1}`, 400],
  ['1 MiB of NUL', Buffer.alloc(MIB), 400],
  ['1 MiB of no UTF-8', Buffer.alloc(MIB, 0xff), 400],
  ['a pair, and much after it', goodPem.padEnd(MIB), 200],
  ['a pair, and hyphens after it', goodPem.padEnd(MIB, '-'), 200],
  ['a pair, and one byte too many', goodPem.padEnd(MIB + 1), 413],
  ['objects 100,000 deep', `{"cert":${'{"a":'.repeat(100_000)}`, 400],
  ['arrays 100,000 deep', `{"cert":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, 400],
  ['100,000 members', `{${'"a":1,'.repeat(100_000)}"key":${key}}`, 400],
  ['a string of escapes', `{"cert":"${'\\u002d'.repeat(150_000)}","key":${key}}`, 400],
  ['a string without an end', `{"cert":"${'\\n'.repeat(500_000)}`, 400],
];

function repeated(text: string): string {
  return text.repeat(Math.floor(MIB / text.length));
}

test.each(LARGE)('%s', async (what, body, status) => {
  for (const socket of [socketPath, nginx.adminSocket]) {
    for (const type of ['', 'application/json', 'multipart/form-data; boundary=-']) {
      const headers = type ? { 'Content-Type': type } : {};
      const path = '/certs/large.fuzz.example';
      await send({ socketPath: socket }, path, { method: 'PUT', body: goodPem });
      const answer = await send({ socketPath: socket }, path, { method: 'PUT', headers, body });
      expectDocumented(answer, `${what} as ${type}`);
      const isForm = type.startsWith('multipart') && status < 413;
      const expected = isForm ? 400 : status;
      // njs 0.8 reads no body from a file.
      const isUnread = socket === nginx.adminSocket && answer.status === 413;
      expect(isUnread ? expected : answer.status, `${what} as ${type}`).toBe(expected);
    }
  }
});

test('forms that are hard to read', async () => {
  const line = 'Content-Disposition: form-data; name="cert"';
  const bodies = [
    repeated('--x\r\n'),
    repeated('--x\r\n\r\n\r\n'),
    `--x\r\n${line}; ${';'.repeat(MIB / 2)}\r\n\r\n\r\n--x--`,
    `--x\r\n${'Content-Disposition: form-data; '.repeat(20_000)}\r\n\r\n\r\n--x--`,
    `--x\r\n${'Content-Disposition: form-data;\r\n'.repeat(20_000)}\r\n\r\n--x--`,
    `--x\r\nContent-Disposition: form-data; ${'; '.repeat(2000)}\r\n\r\n\r\n--x--`,
    `--x\r\nContent-Disposition:${' '.repeat(4000)}\r\n\r\n\r\n--x--`,
    `--x\r\n${line}\r\n\r\n${'\r\n--'.repeat(200_000)}\r\n--x--`,
    `--x\r\n${line.replace('cert', '__proto__')}\r\n\r\n${good.chainPem}\r\n--x--`,
    '--x--',
    '--x',
    '',
  ];
  for (const [i, body] of bodies.entries()) {
    const headers = { 'Content-Type': 'multipart/form-data; boundary=x' };
    const answer = await nginx.admin('/certs/', { method: 'PUT', headers, body });
    expectDocumented(answer, `form ${i}`);
    expect([400, 413], `form ${i}`).toContain(answer.status);
  }
});

/** Sends bytes as they are. */
async function raw(bytes: string | Buffer, isCutOff = false): Promise<HttpResponse> {
  const text = await new Promise<string>((resolve, reject) => {
    const socket = connect(socketPath);
    let received = '';
    socket.setEncoding('latin1');
    socket.setTimeout(20_000, () => socket.destroy(new Error('no answer')));
    socket.on('data', (chunk: Buffer | string) => (received += String(chunk)));
    socket.on('close', () => {
      resolve(received);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // nginx has answered and closed while the rest was on its way.
      if (error.code !== 'EPIPE' && error.code !== 'ECONNRESET') reject(error);
    });
    socket.write(bytes);
    if (isCutOff) socket.end();
  });
  const [, status, head = '', body = ''] =
    /^HTTP\/1\.1 (\d+)[^\n]*\n([^]*?)\r\n\r\n([^]*)$/.exec(text) ?? [];
  const type = /^content-type: (.*?)\r?$/im.exec(head)?.[1];
  return {
    status: Number(status ?? 0),
    headers: type === undefined ? {} : { 'content-type': type },
    body: status === undefined ? text : body,
  };
}

const CLOSE = 'Host: x\r\nConnection: close\r\n';
const withBody = (length: number | string): string =>
  `PUT /certs/raw.fuzz.example HTTP/1.1\r\n${CLOSE}Content-Length: ${length}\r\n\r\n`;

test('odd paths and arguments', async () => {
  const names = [
    ...['%00', 'held.example%00', '..%2f..', '..%2fclear', 'a/b', '%2e%2e', '.', '..', '...', '%'],
    ...['%ff%fe', '%c0%ae', '%zz', '*.', '*', '**', '%2a.fuzz.example', 'a%0d%0aX:%20y', '%0a'],
    ...['held.example%0a', '#', '%23clear', '%23lock:held.example', '%23summary:held.example'],
    ...['__proto__', 'constructor', 'certs/', 'certs/held.example', '%2fcerts%2fheld.example', '+'],
    ...['a'.repeat(254), 'a.'.repeat(127), 'a'.repeat(7000), 'a'.repeat(9000), '\u00e9', '%u0041'],
    ...['?limit=0', '?limit=-1', '?limit=1e9', '?limit=1e1', '?limit=0x10', '?limit=%00', '?limit'],
    ...['?limit=1&limit=2', '?after=%ff', '?after=..', '?after=a&after=b', '?after[]=a', '?&&&='],
    ...['?__proto__=x', '?constructor=x', '?limit=99999999999999999999', `?${'a=b&'.repeat(1500)}`],
  ];
  for (const name of names) {
    for (const method of ['GET', 'PUT', 'DELETE', 'HEAD', 'PATCH']) {
      const line = `${method} /certs/${name} HTTP/1.1\r\n${CLOSE}`;
      const body = method === 'PUT' ? held.chainPem + good.keyPem : '';
      const answer = await raw(`${line}Content-Length: ${body.length}\r\n\r\n${body}`);
      expectDocumented(answer, line, true);
    }
  }
  for (const query of ['', '=', 'name', 'name=', 'name=%', 'name=%zz', 'name=%ff', '__proto__=x']) {
    const line = `POST /clear?${query} HTTP/1.1\r\n${CLOSE}`;
    expectDocumented(await raw(`${line}Content-Length: 9\r\n\r\n{"name":1`), line, true);
  }
});

test('requests that are not as they should be', async () => {
  const line = 'PUT /certs/raw.fuzz.example HTTP/1.1\r\n';
  const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;
  const chunked = `${line}${CLOSE}Transfer-Encoding: chunked\r\n\r\n`;
  const requests: [string, number | null][] = [
    [`${chunked}${goodPem.replace(/[^]{1,99}/g, chunk)}0\r\n\r\n`, 201],
    [`${chunked}0\r\n\r\n`, 400],
    [`${chunked}${chunk(' '.repeat(MIB)).repeat(3)}0\r\n\r\n`, 413],
    [`${chunked}zz\r\n`, 400],
    [`${line.replace('1.1', '1.0')}Content-Length: ${goodPem.length}\r\n\r\n${goodPem}`, 200],
    [`${line.replace('1.1', '1.0')}\r\n`, 400],
    [withBody(0), 400],
    [`${line}${CLOSE}\r\n`, 400],
    [withBody(-1), 400],
    [withBody('99999999999999999999'), 400],
    [withBody(3 * MIB), 413],
    [`${line}${CLOSE}Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    [`${line}${CLOSE}Transfer-Encoding: gzip\r\n\r\n`, 501],
    [`${line}${CLOSE}Expect: 100-continue\r\nContent-Length: 1\r\n\r\n-`, null],
    [`${line}${CLOSE}X: ${'y'.repeat(40_000)}\r\n\r\n`, 400],
    [`${line.replace('PUT', 'TRACE')}${CLOSE}\r\n`, 405],
    [`${line.replace('PUT', 'FOO')}${CLOSE}Content-Length: 1\r\n\r\n-`, 405],
    [`${line.replace('1.1', '9.9')}${CLOSE}\r\n`, 505],
    ['GET /certs/raw.fuzz.example\r\n', null],
    [`GET /certs/raw.fuzz.example HTTP/1.1\r\n${CLOSE}Content-Length: 4\r\n\r\n{"a"`, 200],
    [`DELETE /certs/raw.fuzz.example HTTP/1.1\r\n${CLOSE}Content-Length: 4\r\n\r\n{"a"`, 200],
  ];
  for (const [bytes, status] of requests) {
    const what = bytes.slice(0, 150);
    const answer = await raw(bytes);
    if (status === null) {
      expectNoKey(answer.body, what);
      continue;
    }
    expectDocumented(answer, what, true);
    expect(answer.status, what).toBe(status);
  }
});

test('bodies that are cut off by the end of the connection', async () => {
  for (let sent = 0; sent < goodPem.length; sent += 97) {
    const { status } = await raw(withBody(goodPem.length) + goodPem.slice(0, sent), true);
    expect([0, 400]).toContain(status);
  }
  expect((await nginx.admin('/certs/raw.fuzz.example')).status).toBe(404);
});
