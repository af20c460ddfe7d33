import { leafOf } from '../certs/pem_of_record';
import { revisionIn } from '../etcd/position';
import type { Certificate } from '../x509/certificate';
import { type Description, describe } from '../x509/description';
import { type RecordMeta, checkedAt } from '../zone/record';

/** A certificate that is held, as the API shows it. */
export interface Entry extends Description {
  name: string;
  /** Whole days, rounded down: negative once it has expired. */
  days_left: number;
  source: RecordMeta['source'];
  /** Of etcd, that of the newest value: the one that is described, or that `error` is about. */
  revision?: number;
  /** `last-good`: newer files were refused. */
  state: 'ok' | 'last-good' | 'expired';
  /** Why they were: `code: detail`. */
  error: string | null;
  /** ISO 8601: when it took the place of another, and when its files were last looked at. */
  loaded_at: string;
  checked_at: string;
  /** Where `$cert_scan` found it: the path of its chain. */
  file?: string;
  /** The pair of the RSA slot, where the first slot holds one too: that is the one described above it. */
  rsa?: Entry;
}

const DAY_S = 86400;

/**
 * Describes what is held under a name.
 *
 * @param record with a pair
 * @param facts those of the record
 * @param leaf the same, where it has been read already
 */
export function entryOf(
  name: string,
  record: string,
  meta: RecordMeta,
  leaf: Certificate = leafOf(record),
): Entry {
  const left = leaf.notAfter - Date.now() / 1000;
  const { problem } = meta;
  const entry: Entry = Object.assign({ name }, describe(leaf), {
    days_left: Math.floor(left / DAY_S),
    source: meta.source,
    state: left < 0 ? ('expired' as const) : problem ? ('last-good' as const) : ('ok' as const),
    error: problem ? `${problem.code}: ${problem.detail}` : null,
    loaded_at: new Date(meta.loadedAt).toISOString(),
    checked_at: new Date(checkedAt(record)).toISOString(),
  });
  if (meta.etcd !== undefined) entry.revision = revisionIn(meta.etcd);
  return entry;
}
