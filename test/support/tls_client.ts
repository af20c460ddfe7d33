import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import {
  connect as connectHttp2,
  type ClientHttp2Session,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
} from 'node:http2';
import { text } from 'node:stream/consumers';
import { connect, type SecureContext, type SecureVersion, type TLSSocket } from 'node:tls';

/** How long a handshake, an answer or a session ticket may take, in milliseconds. */
const PATIENCE_MS = 10_000;

/** A TCP address or the path of a unix socket. */
export type ServerAddress = { host: string; port: number } | { path: string };

export type ClientOptions = ServerAddress & HandshakeOptions;

export interface HandshakeOptions {
  /** Sent as it stands, also where it is no server name (upper case, a trailing dot); absent: no SNI. */
  servername?: string;
  minVersion?: SecureVersion;
  maxVersion?: SecureVersion;
  /** As OpenSSL names them, for a client that takes no others. `ciphers` are those of TLS 1.2. */
  ciphers?: string;
  sigalgs?: string;
  /** A session of an earlier connection, to resume. */
  session?: Buffer;
  /** A root certificate as PEM; absent: the server's certificate is not verified. */
  ca?: string;
  /** Speaks HTTP/2; default: HTTP/1.1. */
  http2?: boolean;
  /** For who makes many connections: one that is made for each takes longer than a handshake. */
  secureContext?: SecureContext;
}

export interface Handshake {
  /** The served leaf's serial number, upper-case hexadecimal; empty where a session was resumed. */
  serial: string;
  /** The served leaf's DNS names; none where a session was resumed. */
  names: string[];
  /** `TLSv1.2` or `TLSv1.3`. */
  protocol: string;
  /** Whether a session was resumed; the server sends no certificate then. */
  reused: boolean;
}

interface Answer {
  status: number;
  body: string;
}

export interface Connection extends Handshake {
  /** Sends a GET request on this connection. Throws when it is no longer open. */
  get: (path: string) => Promise<Answer>;
  /** Waits for the session ticket and resolves to what `ClientOptions.session` takes. */
  session: () => Promise<Buffer>;
  /** Ends the connection and waits until it is closed. */
  close: () => Promise<void>;
}

/** Makes one handshake and ends the connection. Throws what Node's tls throws when it fails. */
export async function handshake(options: ClientOptions): Promise<Handshake> {
  const { close, serial, names, protocol, reused } = await openConnection(options);
  await close();
  return { serial, names, protocol, reused };
}

/** Makes a handshake and keeps the connection. Throws what Node's tls throws when that fails. */
export async function openConnection(options: ClientOptions): Promise<Connection> {
  const socket = connect({
    ...options,
    ...(options.http2 ? { ALPNProtocols: ['h2'] } : {}),
    rejectUnauthorized: options.ca !== undefined,
  });
  const session = nextSession(socket);
  await secured(socket);
  const get = options.http2 ? http2Client(socket) : http1Client(socket);

  return {
    ...describe(socket),
    get: async (path) => {
      if (socket.readyState !== 'open') throw new Error('The server has closed the connection');
      return get(path);
    },
    session: () => session,
    close: () => close(socket),
  };
}

async function secured(socket: TLSSocket): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.setTimeout(PATIENCE_MS, () => {
      socket.destroy(new Error('The TLS handshake takes too long'));
    });
    socket.once('error', reject);
    socket.once('close', () => {
      reject(new Error('The connection was closed during the TLS handshake'));
    });
    socket.once('secureConnect', resolve);
  });
  socket.setTimeout(0);
  // An error later on shows where the connection is used; unheard, it would end the process.
  socket.on('error', () => undefined);
}

/** A TLS 1.3 server sends its tickets after the handshake, so they are waited for, if at all, later. */
function nextSession(socket: TLSSocket): Promise<Buffer> {
  const session = new Promise<Buffer>((resolve, reject) => {
    socket.once('session', resolve);
    socket.once('close', () => {
      reject(new Error('The connection was closed before a session ticket came'));
    });
  });
  // Most callers never ask, and then nobody must hear of it.
  session.catch(() => undefined);
  return session;
}

/** A TLS close rather than a reset: nginx gets to see the end of the handshake first. */
async function close(socket: TLSSocket): Promise<void> {
  if (socket.closed) return;
  const closed = once(socket, 'close');
  // The agent lets the process end while it holds a socket.
  socket.ref();
  socket.end();
  // Nothing is read any more; the end of the stream is seen only by a stream that flows.
  socket.resume();
  await closed;
}

function describe(socket: TLSSocket): Handshake {
  const certificate = socket.getPeerX509Certificate();
  const names = certificate?.subjectAltName?.split(', ') ?? [];
  return {
    serial: certificate?.serialNumber ?? '',
    names: names.map((name) => name.replace(/^DNS:/, '')),
    protocol: socket.getProtocol() ?? '',
    reused: socket.isSessionReused(),
  };
}

function http1Client(socket: TLSSocket): Connection['get'] {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  // The agent asks for a connection only when it holds none: every request goes through this socket.
  agent.createConnection = () => socket;
  return (path) => get(agent, path);
}

function http2Client(socket: TLSSocket): Connection['get'] {
  let session: ClientHttp2Session | undefined;
  return async (path) => {
    session ??= connectHttp2('https://localhost', { createConnection: () => socket });
    const stream = session.request({ ':path': path });
    stream.setTimeout(PATIENCE_MS, () => {
      stream.destroy(new Error(`No answer to GET ${path}`));
    });
    const [headers] = (await once(stream, 'response')) as [
      IncomingHttpHeaders & IncomingHttpStatusHeader,
    ];
    return { status: headers[':status'] ?? 0, body: await text(stream) };
  };
}

async function get(agent: Agent, path: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ agent, path, timeout: PATIENCE_MS }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, body });
      });
      response.on('error', reject);
    });
    sent.on('timeout', () => sent.destroy(new Error(`No answer to GET ${path}`)));
    sent.on('error', reject);
    sent.end();
  });
}

export interface ProgramResult {
  code: number;
  stdout: string;
  stderr: string;
}

/**
 * Runs `openssl s_client` with nothing to send: it ends after the handshake.
 *
 * @param args further arguments, for example `['-servername', 'A.Example.']`
 */
export async function opensslClient(
  { host, port }: { host: string; port: number },
  args: string[],
): Promise<ProgramResult> {
  return runProgram('openssl', ['s_client', '-connect', `${host}:${String(port)}`, ...args]);
}

/** Runs curl without its progress meter. */
export async function curl(args: string[]): Promise<ProgramResult> {
  return runProgram('curl', ['--silent', '--show-error', ...args]);
}

/**
 * Runs a program with nothing to read. Throws only where it cannot be started or does not end in time.
 *
 * @param timeout in milliseconds
 */
export async function runProgram(
  program: string,
  args: string[],
  timeout = PATIENCE_MS,
): Promise<ProgramResult> {
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, { timeout }, (error, stdout, stderr) => {
      if (child.exitCode !== null) resolve({ code: child.exitCode, stdout, stderr });
      else reject(new Error(`${program} did not end by itself`, { cause: error }));
    });
    child.stdin?.end();
  });
}
