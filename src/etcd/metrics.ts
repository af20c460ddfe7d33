import { etcdOf } from './gateway';
import { succeededAt } from './health';
import { findProgress, sinceOf } from './progress';
import type { Variables } from '../settings';
import type { Zone } from '../store';
import { headOf, sample } from '../admin/exposition';

/** How far this nginx has followed etcd; '' where it follows none. */
export function etcdText(variables: Variables, zone: Zone, misses: Zone | undefined): string {
  const etcd = etcdOf(variables, zone);
  if (!etcd) return '';
  const progress = findProgress(etcd);
  return (
    headOf(
      'etcd_last_success_seconds',
      'gauge',
      'When etcd last answered all that it was asked, in seconds since 1970; 0: never.',
    ) +
    sample('etcd_last_success_seconds', succeededAt(zone, misses, progress) / 1000) +
    headOf('etcd_revision', 'gauge', 'The revision of etcd that is served.') +
    sample('etcd_revision', progress ? sinceOf(progress) : 0)
  );
}
