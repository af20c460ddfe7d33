import { expect, test } from 'vitest';

import { findKeyTraces } from '../../support/key_traces.js';
import { EC, der, key, pem } from '../../support/openssl.js';

const own = key(EC + 'P-256');
const other = key(EC + 'P-256');
const bytes = der(own);
const base64 = bytes.toString('base64');

test.each([
  ['the PEM', own],
  ['its label alone', '-----BEGIN PRIVATE KEY-----'],
  ['one line', `error: ${own.split('\n')[2]!}, client: 127.0.0.1`],
  ['sixteen characters', `"${base64.slice(101, 117)}"`],
  ['other line ends', `${base64.slice(80, 90)}\r\n${base64.slice(90, 100)}`],
  ['line ends that are escaped', `"${base64.slice(80, 90)}\\n${base64.slice(90, 100)}"`],
  ['another encoding', pem('KEY', bytes.subarray(40, 70))],
  ['hex', bytes.subarray(40, 60).toString('hex').toUpperCase()],
])('%s is a trace of a key', (_, text) => {
  expect(findKeyTraces(text, [other, own])).not.toEqual([]);
});

test('a key that was cut off leaves traces too', () => {
  expect(findKeyTraces(own.split('\n')[2]!, [own.slice(0, 160)])).not.toEqual([]);
});

test('another key and the usual words are no traces', () => {
  const log = `bad base64 in "private key" (/etc/nginx/certs/a.example.cert.pem) ${bytes.subarray(50).toString('base64')}`;
  expect(findKeyTraces(log, [other, 'no key', ''])).toEqual([]);
});
