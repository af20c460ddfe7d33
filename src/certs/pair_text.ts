import { refuse } from '../engine/refusal';

/** What a client sent to be put in place, as text that nobody has looked into yet. */
export interface SentPair {
  /** PEM: the chain, and the key where it is not apart. */
  pem: string;
  keyPem?: string;
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

function readJson(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text.replace(/^\ufeff/, '')) as Record<string, unknown>;
  } catch {
    // The engine's own message may quote the text.
    return refuse('malformed', 'The body begins like JSON, and is none.');
  }
}

export function fieldsOf(fields: Record<string, unknown>, kind: string): SentPair {
  const { cert, key } = fields;
  if (typeof cert !== 'string' || typeof key !== 'string') {
    return refuse('malformed', `The body needs the ${kind} "cert" and "key", each of PEM text.`);
  }
  return { pem: cert, keyPem: key };
}
