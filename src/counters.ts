import { type Zone, addToCounts, findCounts } from './store';

// What happened since the zone was made. Nothing that a handshake served from the zone does is counted.

/** The families and what they count. */
export type Family =
  'loads_total' | 'refusals_total' | 'puts_total' | 'deletes_total' | 'clears_total';

/** Counts by series: the family and its labels, as in `clears_total{scope="all"}`. */
export type Counts = Record<string, number>;

/**
 * Counts one.
 *
 * @param labels in the form of Prometheus, as in `scope="all"`; '' for none
 */
export function count(zone: Zone, family: Family, labels: string): void {
  const one: Counts = {};
  one[seriesOf(family, labels)] = 1;
  addToCounts(zone, JSON.stringify(one), merge);
}

/** The labels of `refusals_total`: where the pair or the request came from, and why it was not taken. */
export function refusalLabels(via: 'disk' | 'api', code: string): string {
  return `via="${via}",code="${code}"`;
}

export function seriesOf(family: Family, labels: string): string {
  return labels ? `${family}{${labels}}` : family;
}

/** @returns undefined where nothing was counted yet, or another worker is just counting */
export function countsOf(zone: Zone): Counts | undefined {
  const text = findCounts(zone);
  return text === undefined ? undefined : parse(text);
}

function merge(mine: string, theirs: string): string {
  const sum = parse(theirs);
  const more = parse(mine);
  Object.keys(more).forEach((series) => {
    sum[series] = (sum[series] || 0) + (more[series] as number);
  });
  return JSON.stringify(sum);
}

function parse(text: string): Counts {
  return JSON.parse(text) as Counts;
}
