import type { RefusalCode, RequestCode } from '../engine/refusal';

export type Code = Exclude<RefusalCode, 'bad-seal'> | RequestCode | 'internal';

interface Problem {
  status: number;
  title: string;
  /** What to do, where the detail does not say. */
  advice?: string;
}

/** The stable codes. */
export const PROBLEMS: Record<Code, Problem> = {
  malformed: { status: 400, title: 'The request cannot be understood' },
  forbidden: { status: 403, title: 'This client is not allowed' },
  'not-found': { status: 404, title: 'No certificate is held under this name' },
  'method-not-allowed': { status: 405, title: 'The method is not taken here' },
  'precondition-failed': { status: 412, title: 'The certificate is another one by now' },
  'too-large': { status: 413, title: 'The body is too large' },
  'key-mismatch': {
    status: 422,
    title: "The private key is not the certificate's",
    advice: 'Send certificate and key of one issuance.',
  },
  expired: {
    status: 422,
    title: 'The certificate has expired',
    advice: 'Send its renewal.',
  },
  'name-not-covered': {
    status: 422,
    title: 'The certificate is not for this name',
    advice: 'Put it under one of its own names, or under /certs/ for all of them.',
  },
  'encrypted-key': { status: 422, title: 'The private key is encrypted' },
  weak: {
    status: 422,
    title: 'OpenSSL would refuse this as too weak',
    advice: 'Have a new certificate issued.',
  },
  'unsupported-key': { status: 422, title: 'The private key cannot be used' },
  'bad-chain': {
    status: 422,
    title: 'The certificates are no chain',
    advice: "Send the leaf first, then each one's issuer.",
  },
  internal: { status: 500, title: 'A fault in this program' },
  'store-failed': { status: 500, title: 'The store could not be written' },
  'store-unavailable': { status: 503, title: 'The store cannot be written' },
  'zone-full': { status: 507, title: 'The shared dictionary has no room' },
};

/** All of them. */
export const CODES = Object.keys(PROBLEMS) as Code[];
