import type { Nginx } from './nginx.js';

/** Values by series, as in `cert_rotation_clears_total{scope="all"}`. */
export type Samples = Record<string, number>;

/** Scrapes /metrics. Throws where a line is not as simple as this program writes it, or a series is there twice. */
export async function scrape(nginx: Nginx): Promise<Samples> {
  const { status, body } = await nginx.admin('/metrics');
  if (status !== 200) throw new Error(`/metrics: ${status} ${body}`);
  return samplesIn(body);
}

export function samplesIn(body: string): Samples {
  const samples: Samples = {};
  for (const line of body.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [, series = '', value = ''] = /^(\w+(?:\{.*\})?) (-?[\d.]+)$/.exec(line) ?? [];
    if (series === '' || series in samples)
      throw new Error(`not a sample, or a second one: ${line}`);
    samples[series] = Number(value);
  }
  return samples;
}

/** What changed from one scrape to the next, without the prefix that all metrics have. */
export function growth(before: Samples, after: Samples): Samples {
  const grown: Samples = {};
  for (const [series, value] of Object.entries(after)) {
    const by = value - (before[series] ?? 0);
    if (by !== 0) grown[series.replace('cert_rotation_', '')] = by;
  }
  return grown;
}
