import { request as http, type IncomingHttpHeaders } from 'node:http';
import { request as https } from 'node:https';
import type { SecureContextOptions } from 'node:tls';

/** How long an answer may take, in milliseconds. */
const PATIENCE_MS = 20_000;

/** A TCP address or the path of a unix socket. */
export type Target = { host: string; port: number } | { socketPath: string };

export interface HttpRequest {
  /** Default: GET. */
  method?: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
  /** Speaks TLS: the server's name, the root that is trusted, and a client certificate. Absent: plain HTTP. */
  tls?: SecureContextOptions & { servername: string };
}

export interface HttpResponse {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

/** Sends a request on a connection of its own: one that is kept alive does not survive a reload. */
export async function send(
  target: Target,
  path: string,
  { method = 'GET', headers = {}, body = '', tls }: HttpRequest = {},
): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const request = tls ? https : http;
    const named = tls ? { Host: tls.servername, ...headers } : headers;
    const options = { ...target, ...tls, path, method, headers: named, agent: false };
    const sent = request(options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text });
      });
      response.on('error', reject);
    });
    sent.setTimeout(PATIENCE_MS, () => {
      sent.destroy(new Error(`No answer to ${method} ${path}`));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
