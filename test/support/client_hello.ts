import { createHash, generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto';
import { connect, type NetConnectOpts } from 'node:net';

/** How long an answer, and after that the end of the connection, may take, in milliseconds. */
const PATIENCE_MS = 10_000;

export interface ClientHello {
  /**
   * The only version that is offered. In TLSv1.2 the certificate comes in the clear; in TLSv1.3 only the ServerHello
   * does, which is not sent without a certificate either.
   */
  version: 'TLSv1.2' | 'TLSv1.3';
  /** The HostName of the server_name extension, whatever bytes it has; absent: no such extension. */
  serverName?: Buffer;
}

export type Answer =
  /** A Certificate message; the leaf's serial number as Node's X509Certificate prints it. */
  | { kind: 'certificate'; serial: string }
  /** A ServerHello of TLSv1.3, after which everything is encrypted. */
  | { kind: 'hello' }
  /** An alert, by the number of its AlertDescription (RFC 8446, 6). */
  | { kind: 'alert'; description: number }
  /** The end of the connection, without any of these. */
  | { kind: 'closed' };

/** ContentType of RFC 8446, 5.1. */
const ALERT = 21;
const HANDSHAKE = 22;

/** HandshakeType of RFC 8446, 4. */
const CLIENT_HELLO = 1;
const SERVER_HELLO = 2;
const CERTIFICATE = 11;

/** ExtensionType of RFC 8446, 4.2, and RFC 8422, 5.1. */
const SERVER_NAME = 0;
const SUPPORTED_GROUPS = 10;
const EC_POINT_FORMATS = 11;
const SIGNATURE_ALGORITHMS = 13;
const SUPPORTED_VERSIONS = 43;
const KEY_SHARE = 51;

const X25519 = 0x001d;
const SECP256R1 = 0x0017;

/** TLS_AES_128_GCM_SHA256. */
const SUITES_13 = [0x1301];
/** TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256. */
const SUITES_12 = [0xc02b, 0xc02f];
/** ecdsa_secp256r1_sha256, rsa_pss_rsae_sha256, rsa_pkcs1_sha256. */
const SIGNATURES = [0x0403, 0x0804, 0x0401];

/** In the place of a ServerHello's random: it is a HelloRetryRequest (RFC 8446, 4.1.3), and says nothing yet. */
const RETRY = createHash('sha256').update('HelloRetryRequest').digest();

/** Warning level, close_notify: what a client that gives up sends (RFC 8446, 6.1), in a TLSPlaintext of its own. */
const CLOSE_NOTIFY = Buffer.from([ALERT, 3, 3, 0, 2, 1, 0]);

/** A fresh key for every hello would only cost time: no handshake gets as far as using it. */
const publicKey = Buffer.from(
  generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' }).x ?? '',
  'base64url',
);

/** Writes a ClientHello (RFC 8446, 4.1.2) in one TLSPlaintext record. */
export function writeClientHello({ version, serverName }: ClientHello): Buffer {
  const isLatest = version === 'TLSv1.3';
  const extensions = [
    extension(SUPPORTED_GROUPS, vector(2, numbers(X25519, SECP256R1))),
    extension(EC_POINT_FORMATS, vector(1, Buffer.from([0]))),
    extension(SIGNATURE_ALGORITHMS, vector(2, numbers(...SIGNATURES))),
  ];
  if (isLatest) {
    extensions.push(
      extension(SUPPORTED_VERSIONS, vector(1, numbers(0x0304))),
      extension(KEY_SHARE, vector(2, numbers(X25519), vector(2, publicKey))),
    );
  }
  if (serverName) {
    // A ServerNameList (RFC 6066, 3) of one ServerName, whose type, host_name, is 0.
    extensions.push(extension(SERVER_NAME, vector(2, Buffer.from([0]), vector(2, serverName))));
  }
  const body = Buffer.concat([
    numbers(0x0303),
    randomBytes(32),
    // The legacy_session_id, the cipher suites, and the null compression.
    vector(1, isLatest ? randomBytes(32) : Buffer.alloc(0)),
    vector(2, numbers(...(isLatest ? SUITES_13 : SUITES_12))),
    vector(1, Buffer.from([0])),
    vector(2, ...extensions),
  ]);
  const message = Buffer.concat([Buffer.from([CLIENT_HELLO]), vector(3, body)]);
  return Buffer.concat([Buffer.from([HANDSHAKE, 3, 1]), vector(2, message)]);
}

/**
 * Sends a ClientHello on a connection of its own, says goodbye after the answer, and waits until the server has closed
 * the connection: what the server does for this handshake is done then.
 *
 * @throws where the connection cannot be made or breaks, or the server takes too long
 */
export async function sendClientHello(
  address: NetConnectOpts,
  hello: ClientHello,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    let answer: Answer | undefined;
    const socket = connect(address, () => socket.write(writeClientHello(hello)));
    socket.setTimeout(PATIENCE_MS, () => {
      socket.destroy(new Error('No answer to a ClientHello'));
    });
    socket.on('data', (data) => {
      if (answer) return;
      received = Buffer.concat([received, data]);
      try {
        answer = readAnswer(received, hello);
      } catch (error) {
        socket.destroy(error as Error);
      }
      if (answer && answer.kind !== 'alert') socket.write(CLOSE_NOTIFY);
    });
    socket.on('error', reject);
    socket.on('close', () => {
      resolve(answer ?? { kind: 'closed' });
    });
  });
}

/**
 * Reads a server's first flight, as far as it came.
 *
 * @returns undefined where that is not far enough
 */
function readAnswer(received: Buffer, { version }: ClientHello): Answer | undefined {
  let messages = Buffer.alloc(0);
  for (const { type, content } of records(received)) {
    if (type === ALERT) return { kind: 'alert', description: content.readUInt8(1) };
    if (type !== HANDSHAKE) break;
    messages = Buffer.concat([messages, content]);
  }
  for (const { type, content } of handshakeMessages(messages)) {
    if (type === SERVER_HELLO && version === 'TLSv1.3') {
      if (content.subarray(2, 34).equals(RETRY)) throw new Error('A HelloRetryRequest');
      return { kind: 'hello' };
    }
    // A Certificate of RFC 5246, 7.4.2: the length of the list, and then of the first certificate.
    if (type === CERTIFICATE) {
      const leaf = content.subarray(6, 6 + content.readUIntBE(3, 3));
      return { kind: 'certificate', serial: new X509Certificate(leaf).serialNumber };
    }
  }
  return undefined;
}

interface Tagged {
  type: number;
  content: Buffer;
}

/** TLSPlaintext records: type, version, 2 bytes of length. */
function records(bytes: Buffer): Tagged[] {
  return split(bytes, 3, 2);
}

/** Handshake messages: type, 3 bytes of length. */
function handshakeMessages(bytes: Buffer): Tagged[] {
  return split(bytes, 1, 3);
}

/** Splits what is complete of `bytes`; `lengthAt` and `lengthBytes` say where the length of one part is. */
function split(bytes: Buffer, lengthAt: number, lengthBytes: number): Tagged[] {
  const parts: Tagged[] = [];
  const header = lengthAt + lengthBytes;
  for (let at = 0; at + header <= bytes.length;) {
    const start = at + header;
    const end = start + bytes.readUIntBE(at + lengthAt, lengthBytes);
    if (end > bytes.length) break;
    parts.push({ type: bytes.readUInt8(at), content: bytes.subarray(start, end) });
    at = end;
  }
  return parts;
}

function extension(type: number, content: Buffer): Buffer {
  return Buffer.concat([numbers(type), vector(2, content)]);
}

/** A variable-length vector of RFC 8446, 3.4: the length in as many bytes, and the parts. */
function vector(lengthBytes: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const length = Buffer.alloc(lengthBytes);
  length.writeUIntBE(content.length, 0, lengthBytes);
  return Buffer.concat([length, content]);
}

/** Numbers of 16 bits. */
function numbers(...values: number[]): Buffer {
  return Buffer.concat(values.map((value) => Buffer.from([value >> 8, value & 0xff])));
}
