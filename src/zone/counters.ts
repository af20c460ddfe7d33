import { type Zone, replaceValue } from './dict';

// Counts events since the zone was made. A handshake that is served from the zone counts nothing.

/** The families of counters, without their prefix in the metrics. */
export type Family =
  | 'loads_total'
  | 'refusals_total'
  | 'puts_total'
  | 'deletes_total'
  | 'clears_total'
  | 'store_failures_total';

/** Counts by series, which is the family and its labels, as in `clears_total{scope="all"}`. */
export type Counts = Record<string, number>;

/**
 * Counts one event.
 *
 * @param labels in the form of Prometheus, as in `scope="all"`; '' where the family has none
 */
export function count(zone: Zone, family: Family, labels: string): void {
  // Each worker has a value of its own and does one thing at a time, so no lock is needed, and no count goes down. Only
  // the worker that a reload is about to end and the one in its place may lose a count of each other.
  const counts = parseCounts(findOwnCounts(zone) || '{}');
  add(counts, seriesOf(family, labels), 1);
  putOwnCounts(zone, JSON.stringify(counts));
}

/**
 * The labels of `refusals_total`.
 *
 * @param via the origin of the pair or the request
 * @param code the reason of the refusal
 */
export function refusalLabels(via: 'disk' | 'api' | 'etcd', code: string): string {
  return `via="${via}",code="${code}"`;
}

export function seriesOf(family: Family, labels: string): string {
  return labels ? `${family}{${labels}}` : family;
}

/**
 * The sums of the counts of all workers.
 *
 * @param keys of `keysOf`
 */
export function countsOf(zone: Zone, keys: string[]): Counts {
  const sum: Counts = {};
  findCounts(zone, keys).forEach((text) => {
    const counts = parseCounts(text);
    Object.keys(counts).forEach((series) => {
      add(sum, series, counts[series] as number);
    });
  });
  return sum;
}

function add(counts: Counts, series: string, more: number): void {
  counts[series] = (counts[series] || 0) + more;
}

function parseCounts(text: string): Counts {
  return JSON.parse(text) as Counts;
}

const COUNTS_PREFIX = '#counts:';

/** The counts of this worker and of those that had its number before, as JSON; undefined where there are none. */
function findOwnCounts(zone: Zone): string | undefined {
  return zone.get(`${COUNTS_PREFIX}${ngx.worker_id}`);
}

/** Stores the counts of this worker. They are lost where the zone has no room. */
export function putOwnCounts(zone: Zone, counts: string): void {
  replaceValue(zone, `${COUNTS_PREFIX}${ngx.worker_id}`, counts);
}

/** The counts of each worker, as JSON. */
function findCounts(zone: Zone, keys: string[]): string[] {
  return keys.filter((key) => key.startsWith(COUNTS_PREFIX)).map((key) => zone.get(key) || '{}');
}
