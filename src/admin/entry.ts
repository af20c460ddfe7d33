import { leafOf } from '../certs/pem_of_record';
import { revisionIn } from '../etcd/position';
import type { Certificate } from '../x509/certificate';
import { type Description, describe } from '../x509/description';
import type { RecordMeta } from '../zone/meta';
import { checkedAt } from '../zone/record';

/** A name's certificate as the API shows it. */
export interface Entry extends Description {
  name: string;
  /** Whole days, rounded down: negative once it has expired. */
  days_left: number;
  /** False where nothing has told that the key is the certificate's: it is of a kind that could not be proven. */
  key_proven: boolean;
  source: RecordMeta['source'];
  /** The revision of the newest value in etcd: the one that is described, or the one that `error` is about. */
  revision?: number;
  /** `last-good` where a newer pair was refused. */
  state: 'ok' | 'last-good' | 'expired';
  /** The reason of that refusal as `code: detail`; null where there was none. */
  error: string | null;
  /** What was repaired in the pair, and what clients may refuse, as sentences. */
  warnings: string[];
  /** When the pair was read or put, in ISO 8601. */
  loaded_at: string;
  /** When its files were last checked, in ISO 8601. */
  checked_at: string;
  /** The path of the chain, where `$cert_scan` found the pair. */
  file?: string;
  /** The pair of the RSA slot, where the first slot has a pair too, which this entry describes. */
  rsa?: Entry;
}

const DAY_S = 86400;

/** The warning about a certificate that ends within a day. */
function endsSoon({ notAfter }: Certificate, left: number): string[] {
  if (left < 0 || left > DAY_S) return [];
  return [`The certificate ends at ${new Date(notAfter * 1000).toISOString()}, within a day.`];
}

/**
 * Describes the pair of a name.
 *
 * @param record of a slot of the name; it has a pair
 * @param meta of the record
 * @param leaf of the record's pair, where the caller has read it already
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
    key_proven: !meta.isUnproven,
    source: meta.source,
    state: left < 0 ? ('expired' as const) : problem ? ('last-good' as const) : ('ok' as const),
    error: problem ? `${problem.code}: ${problem.detail}` : null,
    warnings: (meta.warnings || []).concat(endsSoon(leaf, left)),
    loaded_at: new Date(meta.loadedAt).toISOString(),
    checked_at: new Date(checkedAt(record)).toISOString(),
  });
  if (meta.etcd !== undefined) entry.revision = revisionIn(meta.etcd);
  return entry;
}
