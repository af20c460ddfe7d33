// Lines of Prometheus' text format.

const PREFIX = 'cert_rotation_';

/** What comes before the samples of a metric. */
export function headOf(metric: string, type: 'gauge' | 'counter', help: string): string {
  return `# HELP ${PREFIX}${metric} ${help}\n# TYPE ${PREFIX}${metric} ${type}\n`;
}

/** @param series the metric and its labels */
export function sample(series: string, value: number): string {
  return `${PREFIX}${series} ${value}\n`;
}
