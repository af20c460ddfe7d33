/** Why a pair is not taken: the `code` of the API's answer and of the log line, stable. */
export type RefusalCode =
  | 'malformed'
  | 'key-mismatch'
  | 'expired'
  | 'name-not-covered'
  | 'encrypted-key'
  | 'weak'
  | 'unsupported-key'
  | 'bad-chain'
  | 'bad-seal';

/** Why a request is not done though its pair, if it has one, is good. */
export type RequestCode =
  | 'forbidden'
  | 'not-found'
  | 'method-not-allowed'
  | 'precondition-failed'
  | 'too-large'
  | 'zone-full'
  | 'store-failed'
  | 'store-unavailable';

/** A refused pair or request. A plain Error with a code: `class extends Error` needs helpers when lowered to ES5. */
export interface Refusal extends Error {
  code: RefusalCode | RequestCode;
}

// Errors of the file system have a `code` too.
const NAME = 'Refusal';

/**
 * Throws a refusal.
 *
 * @param code why, for programs
 * @param detail why and what to do about it, for an operator. It ends up in logs and in responses: never a part of
 *   a private key, and of a certificate no more than a short excerpt of a public field.
 */
export function refuse(code: RefusalCode | RequestCode, detail: string): never {
  const refusal = new Error(detail) as Refusal;
  refusal.name = NAME;
  refusal.code = code;
  throw refusal;
}

/** Whether what was caught is a refusal, and not a fault in this program. */
export function isRefusal(e: unknown): e is Refusal {
  return e instanceof Error && e.name === NAME;
}
