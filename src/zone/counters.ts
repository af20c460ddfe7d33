import { type Zone, replaceValue } from './dict';

// What happened since the zone was made. Nothing that a handshake served from the zone does is counted.

/** The families and what they count. */
export type Family =
  | 'loads_total'
  | 'refusals_total'
  | 'puts_total'
  | 'deletes_total'
  | 'clears_total'
  | 'store_failures_total';

/** Counts by series: the family and its labels, as in `clears_total{scope="all"}`. */
export type Counts = Record<string, number>;

/**
 * Counts one.
 *
 * @param labels in the form of Prometheus, as in `scope="all"`; '' for none
 */
export function count(zone: Zone, family: Family, labels: string): void {
  // Each worker has a value of its own, and does one thing at a time: no lock is needed, and no count is ever seen to
  // go down. Only a worker that a reload is about to end and the one in its place may cost each other a count.
  const counts = parse(findOwnCounts(zone) || '{}');
  add(counts, seriesOf(family, labels), 1);
  putOwnCounts(zone, JSON.stringify(counts));
}

/** The labels of `refusals_total`: where the pair or the request came from, and why it was not taken. */
export function refusalLabels(via: 'disk' | 'api' | 'etcd', code: string): string {
  return `via="${via}",code="${code}"`;
}

export function seriesOf(family: Family, labels: string): string {
  return labels ? `${family}{${labels}}` : family;
}

/**
 * What all workers have counted.
 *
 * @param keys all of the zone's
 */
export function countsOf(zone: Zone, keys: string[]): Counts {
  const sum: Counts = {};
  findCounts(zone, keys).forEach((text) => {
    const counts = parse(text);
    Object.keys(counts).forEach((series) => {
      add(sum, series, counts[series] as number);
    });
  });
  return sum;
}

function add(counts: Counts, series: string, more: number): void {
  counts[series] = (counts[series] || 0) + more;
}

function parse(text: string): Counts {
  return JSON.parse(text) as Counts;
}

const COUNTS_PREFIX = '#counts:';

/** What this worker has counted, and those that had its number before; undefined: nothing yet. */
export function findOwnCounts(zone: Zone): string | undefined {
  return zone.get(`${COUNTS_PREFIX}${ngx.worker_id}`);
}

/** Writes down what this worker has counted. What a full zone has no room for is not counted. */
export function putOwnCounts(zone: Zone, counts: string): void {
  replaceValue(zone, `${COUNTS_PREFIX}${ngx.worker_id}`, counts);
}

/**
 * What each worker has counted.
 *
 * @param keys of `keysOf`
 */
export function findCounts(zone: Zone, keys: string[]): string[] {
  return keys.filter((key) => key.startsWith(COUNTS_PREFIX)).map((key) => zone.get(key) || '{}');
}
