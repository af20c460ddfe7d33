import { type SentPair, fieldsOf, readText } from '../certs/pair_text';
import { LARGEST_FILE, exists, readFile, readUnnamed } from '../disk/fs';
import { refuse } from '../engine/refusal';
import { variablesOf } from '../engine/session';
import { isForm, readForm } from './form';

const TOO_LARGE = 'The body may have at most 1 MiB.';

/**
 * Reads the pair in a request's body, which is one of:
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

/** The whole body as UTF-8. Other bytes become U+FFFD, which is in no PEM block. */
function bodyText(r: NginxHTTPRequest): string {
  if (Number(r.headersIn['Content-Length']) > LARGEST_FILE) refuse('too-large', TOO_LARGE);
  let text: string | undefined;
  try {
    text = r.requestText;
  } catch {
    return spooledText(r);
  }
  if (!text) return '';
  // A chunked body has no Content-Length. Characters are compared with bytes, which are as many in PEM.
  if (text.length > LARGEST_FILE) refuse('too-large', TOO_LARGE);
  return text;
}

/** Reads a body that did not fit into `client_body_buffer_size`: njs 0.8.9 does not read nginx's temporary file itself. */
function spooledText(r: NginxHTTPRequest): string {
  const path = variablesOf(r)['request_body_file'] || '';
  try {
    // nginx removes the file's name at once, unless `client_body_in_file_only` is set.
    return exists(path) ? readFile(path) : readUnnamed(path);
  } catch {
    return refuse(
      'too-large',
      `${TOO_LARGE} nginx spooled this one to a file that could not be read.`,
    );
  }
}
