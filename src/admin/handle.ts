import { count, refusalLabels } from '../counters';
import type { Lookup } from '../load';
import { lookupFor } from '../lookup';
import { NO_ROOM } from '../placing';
import { isRefusal } from '../refusal';
import { isZoneFull } from '../store';
import { expectAllowed } from './guard';
import { type Code, answerProblem } from './problem';

/**
 * Does the work of an HTTP handler for who may ask for it. Whatever is thrown becomes the answer.
 *
 * @param methods those that the handler takes
 */
export async function handle(
  r: NginxHTTPRequest,
  methods: string[],
  work: (lookup: Lookup) => void | Promise<void>,
): Promise<void> {
  const lookup = lookupFor(r);
  try {
    expectAllowed(r, methods);
    await work(lookup);
  } catch (e) {
    if (isRefusal(e)) {
      // What does not open comes from etcd, and never from a request.
      answerRefused(r, lookup, e.code as Code, e.message);
    } else if (isZoneFull(e)) {
      answerRefused(r, lookup, 'zone-full', NO_ROOM);
    } else {
      r.error(`cert_rotation: ${(e as Error).message}`);
      answerRefused(r, lookup, 'internal', 'The error log says more.');
    }
  }
}

function answerRefused(r: NginxHTTPRequest, { zone }: Lookup, code: Code, reason: string): void {
  if (zone) count(zone, 'refusals_total', refusalLabels('api', code));
  answerProblem(r, code, reason);
}
