import { send, type HttpRequest, type Target as Address } from '../support/http.js';
import type { LoadName, Target } from './target.js';

export interface OwnOptions {
  /** Of the server that speaks TLS: `https://127.0.0.1:8443`. */
  url: string;
  /** Where its HTTP handlers answer: `unix:/run/nginx/cert-admin.sock`, or `http://127.0.0.1:8081`. */
  admin: string;
  names: string[];
}

/** What is going to happen to an operator's nginx, for him to agree to. */
export function warning({ url, admin, names }: OwnOptions): string {
  return [
    `This puts ${url} under load, and replaces the certificates of`,
    ...names.map((name) => `  ${name}`),
    `by such as no client trusts, with PUT /certs/NAME at ${admin}.`,
    'At the end it deletes them with DELETE /certs/NAME: files that are there are loaded again.',
    'Take names that nobody needs.',
  ].join('\n');
}

/** An operator's own nginx: its certificates are replaced by PUT alone, and nothing is broken on purpose. */
export function ownTarget({ url, admin, names }: OwnOptions): Target {
  const { hostname, port, protocol } = new URL(url);
  if (protocol !== 'https:') throw new Error(`--url ${url}: it has to be https://HOST:PORT`);
  const address = adminAddress(admin);
  const ask = (path: string, request?: HttpRequest): ReturnType<typeof send> =>
    send(address, path, request);
  const loadNames = names.map((name, index): LoadName => ({
    index,
    name,
    group: 'own',
    ways: ['put'],
  }));
  return {
    title: url,
    host: hostname.replace(/^\[|\]$/g, ''),
    ports: [Number(port) || 443],
    names: loadNames,
    fallback: 0,
    longAnswers: [],
    admin: ask,
    settlesMs: 0,
    end: async () => {
      for (const name of names) {
        const { status, body } = await ask(`/certs/${name}`, { method: 'DELETE' });
        if (status !== 200 && status !== 404) throw new Error(`DELETE /certs/${name}: ${body}`);
        console.log(`Deleted: ${name}`);
      }
    },
  };
}

function adminAddress(admin: string): Address {
  if (admin.startsWith('unix:')) return { socketPath: admin.slice('unix:'.length) };
  const { hostname, port, protocol } = new URL(admin);
  if (protocol !== 'http:') {
    throw new Error(`--admin ${admin}: it has to be unix:PATH or http://HOST:PORT`);
  }
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || 80 };
}
