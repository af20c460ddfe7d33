import { expect } from 'vitest';
import type { Tools } from './tools.js';

// curl as an HTTP/3 client. A step is the arguments of one transfer.

/** How a transfer went. */
export interface Transfer {
  /** `3` for HTTP/3. */
  version: string;
  status: number;
  body: string;
  /** How many connections were made for it: none where an earlier one was still open. */
  connections: number;
  /** How many bytes were sent before the handshake was over. */
  earlyBytes: number;
  /** The served leaf's serial number, upper-case hexadecimal; empty where a session was resumed. */
  serial: string;
}

/** A request by HTTP/3 to port 8443, on the connection that an earlier step has made, if there is one. */
export function to(servername: string, options: string[] = []): string[] {
  const target = ['--resolve', `${servername}:8443:127.0.0.1`, `https://${servername}:8443/`];
  return ['--http3-only', '--insecure', ...options, ...target];
}

/**
 * Has a request make a connection: those of other ports are none for it.
 *
 * @param port of the client
 */
export function fromPort(port: number): string[] {
  return ['--local-port', String(port)];
}

/** A request to the HTTP handlers. */
export function admin(path: string, options: string[] = []): string[] {
  return ['--unix-socket', '/run/nginx/cert-admin.sock', ...options, `http://localhost${path}`];
}

const END = '----- end of a transfer -----\n';
const FORMAT = `\\n%{http_version} %{response_code} %{num_connects} %{tls_earlydata}\\n%{certs}\\n${END}`;

/** Takes all steps in one process of curl, as its connections and sessions end with it. Fails where one of them does. */
export async function curlSteps(tools: Tools, steps: string[][]): Promise<Transfer[]> {
  const options = ['--silent', '--show-error', '--fail', '--write-out', FORMAT];
  const args = steps.map((step) => [...options, ...step]).reduce((a, b) => [...a, '--next', ...b]);
  const { code, stdout, stderr } = await tools.run(['curl', ...args]);
  expect([code, stderr]).toEqual([0, '']);
  return stdout.split(END).slice(0, -1).map(readTransfer);
}

function readTransfer(text: string): Transfer {
  const match = /^([^]*)\n(\S+) (\d+) (\d+) (-?\d+)\n([^]*)$/.exec(text);
  const [, body = '', version = '', status, connections, earlyBytes, certs = ''] = match ?? [];
  return {
    ...{ version, body, serial: serialIn(certs) },
    ...{ status: Number(status), connections: Number(connections), earlyBytes: Number(earlyBytes) },
  };
}

/** The first serial number that curl writes of the certificates it got; empty where it got none. */
export function serialIn(text: string): string {
  return (/^Serial Number:(\w+)$/m.exec(text)?.[1] ?? '').toUpperCase();
}
