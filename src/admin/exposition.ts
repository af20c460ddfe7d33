// Lines of Prometheus' text format.

const METRIC_PREFIX = 'cert_rotation_';

/** The lines before the samples of a metric. */
export function headOf(metric: string, type: 'gauge' | 'counter', help: string): string {
  return `# HELP ${METRIC_PREFIX}${metric} ${help}\n# TYPE ${METRIC_PREFIX}${metric} ${type}\n`;
}

/**
 * The line of a sample.
 *
 * @param series the metric and its labels
 */
export function sample(series: string, value: number): string {
  return `${METRIC_PREFIX}${series} ${value}\n`;
}
