import { describe, expect, test } from 'vitest';
import { startSite } from '../../support/site.js';

describe('the clear handler', async () => {
  const site = await startSite({ names: ['a.example'] });

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
});
