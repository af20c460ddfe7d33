import { type SentPair, fieldsOf, readText } from '../certs/pair_text';
import { LARGEST_FILE, exists, readFile, readUnnamed } from '../disk/fs';
import { refuse } from '../engine/refusal';
import { variablesOf } from '../engine/session';
import { isForm, readForm } from './form';

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
    return exists(path) ? readFile(path) : readUnnamed(path);
  } catch {
    return refuse('too-large', `${TOO_LARGE} One that nginx spools to a file could not be read.`);
  }
}
