// The JSON at the end of each record.

/** The facts of a slot that the hot path does not need. */
export interface RecordMeta {
  /** The origin of the pair: the files of the name or of a scan, a put, or etcd. */
  source: 'disk' | 'api' | 'etcd';
  /** The stamp of the files at the last look, whether they are served or not; '' where they have to be read at the next one. */
  files: string;
  /** The end of the pair's validity, in seconds since 1970; 0 where there is no pair. */
  notAfter: number;
  /** The time at which the pair was read or put, in milliseconds since 1970. */
  loadedAt: number;
  /** The reason why the newest files are not served. The pair is the last good one then, or there is none. */
  problem?: Problem;
  /** What was repaired in the pair, and what clients may refuse, as sentences. */
  warnings?: string[];
  /** Whether nothing has told that the key is the certificate's: it is of a kind that could not be proven. */
  isUnproven?: boolean;
  /** Whether a pair that was put has outlived a clear. */
  isCleared?: boolean;
  /** The certificate's facts for the index. Only the record of a scanned file has them. */
  found?: Found;
  /** The keys of other files with a certificate for the name. Only a pointer has them. */
  others?: string[];
  /** The slot's last value in etcd, taken or refused, in the form of etcd/position.ts. */
  etcd?: string;
  /** The id of the store that the version is in. */
  store?: string;
  /** The version that this one replaced in the store; '' for none. */
  before?: string;
}

/** The reason why the newest files of a slot, or its value in etcd, are not served. */
export interface Problem {
  code: string;
  detail: string;
  /** Set where it is about the value in etcd, and not about files. */
  isOfEtcd?: true;
}

/** The facts of a scanned certificate that the index of names needs. */
export interface Found {
  /** Normalised names, wildcards included. */
  names: string[];
  isRsa: boolean;
  /** The beginning of its validity, in seconds since 1970. */
  notBefore: number;
}

/** The meta of a pointer with none of its own. Pointers are many, so they do not repeat it. */
const NO_FILES: RecordMeta = { source: 'disk', files: '', notAfter: 0, loadedAt: 0 };

/**
 * Reads the end of a record.
 *
 * @param text JSON
 * @param isPointers whether the record is a pointer, which leaves out the members of NO_FILES
 * @returns null where the text is not the meta of a record
 */
export function parseMeta(text: string, isPointers: boolean): RecordMeta | null {
  try {
    let meta = JSON.parse(text) as Partial<RecordMeta> | null;
    if (isPointers) meta = Object.assign({}, NO_FILES, meta);
    return typeof meta?.files === 'string' && typeof meta.notAfter === 'number'
      ? (meta as RecordMeta)
      : null;
  } catch {
    return null;
  }
}
