import { createConnection } from 'node:net';
import { nameOf } from './names.js';
import { TLS_SOCKET } from './subjects.js';

/** Of the container. */
export const CONFIG = '/run/nginx/haproxy.cfg';
export const LIST = '/run/nginx/haproxy.list';
export const API_SOCKET = '/run/nginx/haproxy.sock';
export const PID_FILE = '/run/nginx/haproxy.pid';

/** How long the runtime API may take, in milliseconds. */
const PATIENCE_MS = 20_000;

/** One thread, as nginx has one worker here. */
export const HAPROXY_CONF = `
global
    nbthread 1
    pidfile ${PID_FILE}
    stats socket ${API_SOCKET} mode 666 level admin
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend tls
    bind unix@${TLS_SOCKET} mode 666 ssl crt-list ${LIST}
    http-request return status 200
`;

/** The crt-list: the same files that nginx reads. */
export function certificateList(names: number): string {
  const lines = Array.from({ length: names }, (_, i) => {
    const { cert, key } = filesOf(nameOf(i));
    return `${cert} [key ${key}]\n`;
  });
  return lines.join('');
}

/**
 * Replaces a certificate by a transaction of the runtime API, `set ssl cert` and `commit ssl cert`, on one connection.
 * Throws where HAProxy does not say that it did.
 *
 * @param socketPath the host's path of `API_SOCKET`
 * @param pem chain and key
 */
export async function replaceCertificate(
  socketPath: string,
  name: string,
  pem: string,
): Promise<void> {
  const { cert } = filesOf(name);
  const commands = `prompt\nset ssl cert ${cert} <<\n${pem}\ncommit ssl cert ${cert}\nquit\n`;
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = createConnection(socketPath, () => socket.write(commands));
    let text = '';
    socket.setEncoding('utf8');
    socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error('HAProxy does not answer')));
    socket.on('data', (data: string) => {
      text += data;
      // It says so when the certificate is in place, and need not be waited for any longer.
      if (text.includes('Success!')) socket.destroy();
    });
    socket.on('error', reject);
    socket.on('close', () => {
      resolve(text);
    });
  });
  if (!answer.includes('Success!')) throw new Error(`HAProxy: ${answer}`);
}

function filesOf(name: string): { cert: string; key: string } {
  const file = `/etc/nginx/certs/${name}`;
  return { cert: `${file}.cert.pem`, key: `${file}.key.pem` };
}
