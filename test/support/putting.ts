import { expect } from 'vitest';
import type { HttpResponse } from './http.js';
import { findKeyTraces } from './key_traces.js';
import { startSite, type Site, type SiteOptions } from './site.js';

/** A site that certificates are put into. */
export interface PutSite extends Site {
  /** Puts a body under a name; '' stands for all names of the leaf. */
  put: (name: string, body: string, headers?: Record<string, string>) => Promise<HttpResponse>;
  get: (name: string) => Promise<HttpResponse>;
  delete: (name: string, headers?: Record<string, string>) => Promise<HttpResponse>;
  /** Expects that nothing of any key that was put stands in the log, or in an answer. */
  expectNoKeyShown: () => void;
}

export async function startPutSite(options: SiteOptions = {}): Promise<PutSite> {
  const site = await startSite(options);
  const bodies: string[] = [];
  const answers: string[] = [];

  async function ask(method: string, name: string, body: string, headers = {}) {
    const answer = await site.nginx.admin(`/certs/${name}`, { method, headers, body });
    bodies.push(body);
    answers.push(JSON.stringify(answer));
    return answer;
  }
  return {
    ...site,
    put: (name, body, headers) => ask('PUT', name, body, headers),
    get: (name) => ask('GET', name, ''),
    delete: (name, headers) => ask('DELETE', name, '', headers),
    expectNoKeyShown: () => {
      expect(bodies.join('')).toContain('PRIVATE KEY');
      expect(findKeyTraces(answers.join('\n') + site.nginx.log(), bodies)).toHaveLength(0);
    },
  };
}

/** Expects an answer of RFC 9457 with a stable code, and a detail that matches. */
export function expectProblem(
  { status, headers, body }: HttpResponse,
  expected: [number, string, RegExp],
): void {
  const { title, detail, ...rest } = JSON.parse(body) as Record<string, unknown>;
  expect([status, rest['code'], detail]).toEqual([
    expected[0],
    expected[1],
    expect.stringMatching(expected[2]),
  ]);
  expect(rest).toEqual({ status, code: expected[1] });
  expect(title).toMatch(/^[A-Z].*[^.]$/);
  // Of whole sentences.
  expect(detail).toMatch(/^[^a-z].*[.?!]$/);
  expect(headers['content-type']).toBe('application/problem+json');
}

/** A form as `curl -F cert=@a.pem -F key=@a.key` sends it. */
export function form(fields: Record<string, string>): {
  body: string;
  headers: Record<string, string>;
} {
  const boundary = '------------------------d74496d66958873e';
  const parts = Object.entries(fields).map(
    ([name, text]) =>
      `--${boundary}\r\n` +
      `Content-Disposition: form-data; name="${name}"; filename="a.${name}"\r\n` +
      `Content-Type: application/octet-stream\r\n\r\n${text}\r\n`,
  );
  return {
    body: `${parts.join('')}--${boundary}--\r\n`,
    headers: { 'Content-Type': `multipart/form-data; boundary=${boundary}` },
  };
}
