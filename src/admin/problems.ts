import type { RefusalCode, RequestCode } from '../engine/refusal';

// The problems that the HTTP handlers answer with (RFC 9457). Codes are stable: clients rely on them.

/** The code of a problem. A value of etcd is refused as `bad-seal`, but no request is. */
export type Code = Exclude<RefusalCode, 'bad-seal'> | RequestCode | 'internal';

interface ProblemType {
  status: number;
  title: string;
  /** The remedy, where the detail of a refusal does not name it. */
  advice?: string;
}

export const PROBLEMS: Record<Code, ProblemType> = {
  malformed: { status: 400, title: 'The request cannot be understood' },
  forbidden: { status: 403, title: 'This client is not allowed' },
  'not-found': { status: 404, title: 'No certificate is held under this name' },
  'method-not-allowed': { status: 405, title: 'The method is not supported here' },
  'precondition-failed': { status: 412, title: 'The certificate has changed since you read it' },
  'too-large': { status: 413, title: 'The body is too large' },
  'key-mismatch': {
    status: 422,
    title: 'The private key does not belong to the certificate',
    advice: 'Send the certificate and the key of one issuance.',
  },
  expired: {
    status: 422,
    title: 'The certificate has expired',
    advice: 'Send its renewal.',
  },
  'name-not-covered': {
    status: 422,
    title: 'The certificate does not cover this name',
    advice: 'Put it under one of its own names, or under /certs/ for all of them.',
  },
  'encrypted-key': { status: 422, title: 'The private key is encrypted' },
  weak: {
    status: 422,
    title: 'The certificate or its key is too weak for OpenSSL',
    advice: 'Have a new certificate issued.',
  },
  'unsupported-key': { status: 422, title: 'The private key cannot be used' },
  'bad-chain': {
    status: 422,
    title: 'The certificates do not form a chain',
    advice: 'Send the intermediates that the authority gave with the leaf.',
  },
  internal: { status: 500, title: 'The script failed unexpectedly' },
  'store-failed': { status: 500, title: 'The store could not be written' },
  'store-unavailable': { status: 503, title: 'The etcd cluster did not accept the change' },
  'zone-full': { status: 507, title: 'The shared dictionary has no room' },
};

/** All codes. */
export const CODES = Object.keys(PROBLEMS) as Code[];
