import { refuse } from '../engine/refusal';

// multipart/form-data (RFC 7578), as far as a form with two fields of text needs it.

const MOST_FIELDS = 16;
/** Characters. A pattern that runs over a mebibyte may reach the limits of nginx's PCRE, and throw. */
const LONGEST_HEADER = 4096;

export function isForm(contentType: string): boolean {
  return /^\s*multipart\/form-data\b/i.test(contentType);
}

/**
 * Reads the fields of a form. Fields with a file name are fields like others.
 *
 * @param contentType of the request, with the boundary
 * @returns texts by field name
 * @throws malformed: no boundary, cut off, a part without a name, a field that is there twice
 */
export function readForm(text: string, contentType: string): Record<string, string> {
  const boundary = /;\s*boundary=(?:"([^"]+)"|([^\s;"]+))/i.exec(contentType);
  if (boundary === null) return refuse('malformed', 'A form without a boundary.');
  // A delimiter begins a line; the first one may begin the text (RFC 2046, 5.1.1).
  const parts = `\r\n${text}`.split(`\r\n--${boundary[1] || boundary[2] || ''}`, MOST_FIELDS + 2);
  const last = parts.pop() as string;
  if (parts.length === 0 || last.slice(0, 2) !== '--') {
    return refuse('malformed', `A form that is cut off, or of over ${MOST_FIELDS} fields.`);
  }
  const fields: Record<string, string> = Object.create(null) as Record<string, string>;
  for (let i = 1; i < parts.length; i++) {
    const part = parts[i] as string;
    const bodyAt = part.indexOf('\r\n\r\n');
    const header = part.slice(0, Math.min(Math.max(bodyAt, 0), LONGEST_HEADER));
    const name = /\r\ncontent-disposition:\s*form-data\s*;(?:.*;)?\s*name="([^"]*)"/i.exec(header);
    if (name === null) return refuse('malformed', 'A form with a field that has no name.');
    const field = name[1] as string;
    // Its name is not repeated: it may be anything, a part of the key too.
    if (field in fields) refuse('malformed', 'A form with two fields of one name.');
    fields[field] = part.slice(bodyAt + 4);
  }
  return fields;
}
