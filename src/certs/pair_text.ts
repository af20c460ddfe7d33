import { refuse } from '../engine/refusal';

/** The pair that a client or etcd sent, as text that is not parsed yet. */
export interface SentPair {
  /** The chain as PEM, with the key where `keyPem` is absent. */
  pem: string;
  /** The key as PEM. */
  keyPem?: string;
}

/**
 * Reads a pair from PEM, or from JSON with the members `cert` and `key`.
 *
 * @throws malformed
 */
export function readText(text: string): SentPair {
  // A byte order mark does not belong to the text (RFC 8259, 8.1).
  const start = text.replace(/^\ufeff?\s*/, '').charAt(0);
  return start === '{' ? fieldsOf(readJson(text), 'members') : { pem: text };
}

function readJson(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text.replace(/^\ufeff/, '')) as Record<string, unknown>;
  } catch {
    // The engine's own message may quote the text.
    return refuse('malformed', 'The body begins like JSON but cannot be parsed.');
  }
}

/**
 * The pair in the members of JSON, or in the fields of a form.
 *
 * @param kind the word for them in a refusal
 * @throws malformed
 */
export function fieldsOf(fields: Record<string, unknown>, kind: string): SentPair {
  const { cert, key } = fields;
  if (typeof cert !== 'string' || typeof key !== 'string') {
    return refuse('malformed', `The body needs the ${kind} "cert" and "key", each of PEM text.`);
  }
  return { pem: cert, keyPem: key };
}
