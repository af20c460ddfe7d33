import { LARGEST_FILE } from '../disk';
import { refuse } from '../refusal';
import { isForm, readForm } from './form';

/** What a client sent to be put in place, as text that nobody has looked into yet. */
export interface SentPair {
  /** PEM: the chain, and the key where it is not apart. */
  pem: string;
  keyPem?: string;
}

const TOO_LARGE = 'A body of at most 1 MiB is taken.';

/**
 * Reads a body, which is one of:
 *
 * - `multipart/form-data` (RFC 7578) with the fields `cert` and `key`;
 * - JSON, `{"cert":"…","key":"…"}`, whatever the Content-Type;
 * - PEM text with chain and key in any order, whatever the Content-Type.
 *
 * @throws too-large, malformed
 */
export function readBody(r: NginxHTTPRequest): SentPair {
  const text = bodyText(r);
  const type = r.headersIn['Content-Type'] || '';
  if (isForm(type)) return fieldsOf(readForm(text, type), 'fields');
  // A byte order mark is no part of what follows it (RFC 8259, 8.1).
  const start = text.replace(/^\ufeff?\s*/, '').charAt(0);
  return start === '{' ? fieldsOf(readJson(text), 'members') : { pem: text };
}

/** The whole body as UTF-8; what is none of it becomes U+FFFD, which is no part of any PEM block. */
function bodyText(r: NginxHTTPRequest): string {
  if (Number(r.headersIn['Content-Length']) > LARGEST_FILE) refuse('too-large', TOO_LARGE);
  const body = bufferOf(r);
  // The njs engine of njs 1.0 has an empty body as a buffer that cannot be copied.
  if (body === undefined || body.length === 0) return '';
  if (body.length > LARGEST_FILE) refuse('too-large', TOO_LARGE);
  return Buffer.from(body).toString();
}

function bufferOf(r: NginxHTTPRequest): Buffer | undefined {
  try {
    return r.requestBuffer;
  } catch {
    // What does not fit into client_body_buffer_size is in a file without a name, which njs 0.8 cannot read.
    return refuse('too-large', 'The body is larger than client_body_buffer_size: set that to 2m.');
  }
}

function readJson(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text.replace(/^\ufeff/, '')) as Record<string, unknown>;
  } catch {
    // The engine's own message may quote the text.
    return refuse('malformed', 'The body begins like JSON, and is none.');
  }
}

function fieldsOf(fields: Record<string, unknown>, kind: string): SentPair {
  const { cert, key } = fields;
  if (typeof cert !== 'string' || typeof key !== 'string') {
    return refuse('malformed', `The body needs the ${kind} "cert" and "key", each of PEM text.`);
  }
  return { pem: cert, keyPem: key };
}
