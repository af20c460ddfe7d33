// Refusals: errors with a code, for pairs and requests that are not accepted.

/** The reasons to refuse a pair. The code is in the API's answer and in the log line, and is stable. */
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

/** The reasons to refuse a request for anything but its pair. */
export type RequestCode =
  | 'forbidden'
  | 'not-found'
  | 'method-not-allowed'
  | 'precondition-failed'
  | 'too-large'
  | 'zone-full'
  | 'store-failed'
  | 'store-unavailable';

/** A refused pair or request. It is an Error with a code, since a class that extends Error needs helpers when lowered to ES5. */
export interface Refusal extends Error {
  code: RefusalCode | RequestCode;
}

/** The name of the errors that are refusals. The code cannot tell them, because errors of the file system have one too. */
const NAME = 'Refusal';

/**
 * Throws a refusal.
 *
 * @param code the reason, for programs
 * @param detail the reason and the remedy, for an operator. It appears in logs and in answers, so it must not contain any part of a
 *   private key, and of a certificate at most a short excerpt of a public field.
 * @throws the refusal, always
 */
export function refuse(code: RefusalCode | RequestCode, detail: string): never {
  const refusal = new Error(detail) as Refusal;
  refusal.name = NAME;
  refusal.code = code;
  throw refusal;
}

/** Whether an exception is a refusal, and not a fault in the script. */
export function isRefusal(e: unknown): e is Refusal {
  return e instanceof Error && e.name === NAME;
}
