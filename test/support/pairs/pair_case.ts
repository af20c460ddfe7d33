import type { RefusalCode } from '../../../src/engine/refusal.js';

export type Verdict = 'taken' | RefusalCode;

/** One thing that an operator, or an attacker, may offer as the pair of a name under `a.example`. */
export interface PairCase {
  title: string;
  /** PEM of the chain; of the key as well where there is no `key`. */
  cert: string;
  /** PEM of the key in a file of its own. */
  key?: string;
  /** Of `readPair`, which knows neither the name nor the time. */
  read: Verdict;
  /** Of the files of a name of which nothing is held. */
  disk: Verdict;
  /** Of the files of a name of which a valid pair is held. */
  renewal: Verdict;
  /** Of a put, which can use the key to see whose it is. */
  put: Verdict;
  /** Where set, the engine's WebCrypto has to know this kind of key for `put`: else it is `unsupported-key`. */
  putNeeds?: 'Ed25519' | 'Ed448';
  /** Part of the message of the first verdict that is a refusal. */
  detail?: string;
  /** What nginx gets of it; absent where `read` refuses. */
  served?: { chain: string; key: string };
  /** Refused as `weak`, though OpenSSL takes it. */
  isTolerated?: boolean;
  /** The pair is loaded, and no client believes a signature made with it. */
  failsToSign?: boolean;
}

type Files = Pick<PairCase, 'cert' | 'key'>;

/** A pair that is taken in every way. */
export function taken(
  title: string,
  files: Files,
  served: { chain: string; key: string },
): PairCase {
  const verdicts = { read: 'taken', disk: 'taken', renewal: 'taken', put: 'taken' } as const;
  return { title, ...files, ...verdicts, served };
}

/** What is refused as soon as it is read. */
export function refused(
  code: RefusalCode,
  title: string,
  detail: string,
  cert: string,
  key?: string,
): PairCase {
  const files = key === undefined ? { cert } : { cert, key };
  return { title, ...files, read: code, disk: code, renewal: code, put: code, detail };
}

/** A pair whose key holds no public part: nothing but using it shows whose it is. */
export function unproven(
  title: string,
  put: 'taken' | 'key-mismatch',
  served: { chain: string; key: string },
  putNeeds?: 'Ed25519' | 'Ed448',
): PairCase {
  return {
    title,
    cert: served.chain + served.key,
    read: 'taken',
    disk: 'unsupported-key',
    renewal: 'unsupported-key',
    put,
    ...(putNeeds ? { putNeeds } : {}),
    detail: 'no public part',
    served,
  };
}
