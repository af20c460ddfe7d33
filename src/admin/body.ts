import { LARGEST_FILE, exists, read, readUnnamed } from '../disk';
import { refuse } from '../refusal';
import { variablesOf } from '../settings';
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
  return isForm(type) ? fieldsOf(readForm(text, type), 'fields') : readText(text);
}

/**
 * Reads what is JSON or PEM text.
 *
 * @throws malformed
 */
export function readText(text: string): SentPair {
  // A byte order mark is no part of what follows it (RFC 8259, 8.1).
  const start = text.replace(/^\ufeff?\s*/, '').charAt(0);
  return start === '{' ? fieldsOf(readJson(text), 'members') : { pem: text };
}

/** The whole body as UTF-8; what is none of it becomes U+FFFD, which is no part of any PEM block. */
function bodyText(r: NginxHTTPRequest): string {
  if (Number(r.headersIn['Content-Length']) > LARGEST_FILE) refuse('too-large', TOO_LARGE);
  let text: string | undefined;
  try {
    text = r.requestText;
  } catch {
    return spooledText(r);
  }
  if (!text) return '';
  // Of a body in chunks nothing else tells its size. PEM has a byte for each character.
  if (text.length > LARGEST_FILE) refuse('too-large', TOO_LARGE);
  return text;
}

/** A body that did not fit into client_body_buffer_size: njs 0.8.9 does not read it from nginx's temporary file. */
function spooledText(r: NginxHTTPRequest): string {
  const path = variablesOf(r)['request_body_file'] || '';
  try {
    // It keeps its name only with client_body_in_file_only.
    return exists(path) ? read(path) : readUnnamed(path);
  } catch {
    return refuse('too-large', `${TOO_LARGE} One that nginx spools to a file could not be read.`);
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
