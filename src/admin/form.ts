import { refuse } from '../engine/refusal';

// Reads multipart/form-data (RFC 7578), as far as a form with two fields of text needs it.

const MOST_FIELDS = 16;
/** The most characters of a part's header. A pattern that runs over a mebibyte may exceed the limits of nginx's PCRE, and throw. */
const LONGEST_HEADER = 4096;

export function isForm(contentType: string): boolean {
  return /^\s*multipart\/form-data\b/i.test(contentType);
}

/**
 * Reads the fields of a form. Fields with a file name are treated like others.
 *
 * @param text the body
 * @param contentType of the request, with the boundary
 * @returns the texts by field name
 * @throws malformed: the type has no boundary, the form is cut off, or a field has no name or is repeated
 */
export function readForm(text: string, contentType: string): Record<string, string> {
  const boundary = /;\s*boundary=(?:"([^"]+)"|([^\s;"]+))/i.exec(contentType);
  if (boundary === null)
    return refuse('malformed', 'The Content-Type of the form is without a boundary.');
  // A delimiter begins a line; the first one may begin the text (RFC 2046, 5.1.1).
  const parts = `\r\n${text}`.split(`\r\n--${boundary[1] || boundary[2] || ''}`, MOST_FIELDS + 2);
  const end = parts.pop() as string;
  if (parts.length === 0 || end.slice(0, 2) !== '--') {
    return refuse('malformed', `The form is cut off, or has over ${MOST_FIELDS} fields.`);
  }
  const fields: Record<string, string> = Object.create(null) as Record<string, string>;
  for (let i = 1; i < parts.length; i++) {
    const part = parts[i] as string;
    const bodyAt = part.indexOf('\r\n\r\n');
    const header = part.slice(0, Math.min(Math.max(bodyAt, 0), LONGEST_HEADER));
    const name = /\r\ncontent-disposition:\s*form-data\s*;(?:.*;)?\s*name="([^"]*)"/i.exec(header);
    if (name === null) return refuse('malformed', 'The form has a field with no name.');
    const field = name[1] as string;
    // The message does not quote the name, which may be any text, even a part of the key.
    if (field in fields) refuse('malformed', 'The form has two fields of one name.');
    fields[field] = part.slice(bodyAt + 4);
  }
  return fields;
}
