import { describe, expect, test } from 'vitest';
import { send } from '../support/http.js';
import { startSite } from './site.js';

const PORT = 8444;

describe('the clear handler', async () => {
  // The container's port is reached through its network: from there the test is a stranger.
  const site = await startSite({
    names: ['a.example'],
    http: `server {
      listen ${PORT};
      location = /clear   { js_content certs.clear_cache; }
      location = /open    { set $cert_admin_remote on; js_content certs.clear_cache; }
      location = /trusted { set_real_ip_from 0.0.0.0/0; real_ip_header X-Forwarded-For; js_content certs.clear_cache; }
    }`,
  });
  const stranger = (path: string, headers = {}) =>
    send(site.nginx.address(PORT), path, { headers });

  test.each(['GET', 'POST'])('takes %s', async (method) => {
    const { status, body, headers } = await site.nginx.admin('/clear', { method });
    expect([status, headers['content-type']]).toEqual([200, 'application/json']);
    expect(JSON.parse(body)).toEqual({ cleared: 'all' });
  });

  test.each(['PUT', 'DELETE', 'HEAD', 'OPTIONS'])('refuses %s', async (method) => {
    const { status, headers } = await site.nginx.admin('/clear', { method });
    expect([status, headers['allow']]).toEqual([405, 'GET, POST']);
  });

  test.each([
    '',
    '..',
    'a/b',
    '%2e%2e%2fetc',
    '#clear',
    'a%00b',
    'a.example%0A',
    '*',
    'a&name=b',
    'x'.repeat(254),
  ])('refuses the name "%s"', async (name) => {
    const query = name.includes('#') ? encodeURIComponent(name) : name;
    const { status, body, headers } = await site.nginx.admin(`/clear?name=${query}`);
    expect([status, headers['content-type']]).toEqual([400, 'application/problem+json']);
    expect(JSON.parse(body)).toMatchObject({ status: 400, code: 'malformed' });
  });

  test('answers no stranger', async () => {
    const { status, body, headers } = await stranger('/clear');
    expect([status, headers['content-type']]).toEqual([403, 'application/problem+json']);
    expect(JSON.parse(body)).toMatchObject({ status: 403, code: 'forbidden' });
  });

  test('believes no header about where a client is', async () => {
    const lie = { 'X-Forwarded-For': '127.0.0.1', 'X-Real-IP': '127.0.0.1' };
    expect((await stranger('/clear', lie)).status).toBe(403);
    expect((await stranger('/trusted', lie)).status).toBe(403);
  });

  test('answers a stranger where $cert_admin_remote is on', async () => {
    expect((await stranger('/open')).status).toBe(200);
  });
});
