import { count, refusalLabels } from '../counters';
import type { Lookup } from '../load';
import { lookupFor } from '../lookup';
import { isRefusal } from '../refusal';
import { isZoneFull } from '../store';
import { expectAllowed } from './guard';
import { answerProblem } from './problem';

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
      if (lookup.zone) count(lookup.zone, 'refusals_total', refusalLabels('api', e.code));
      answerProblem(r, e.code, e.message);
    } else if (isZoneFull(e)) {
      answerProblem(r, 'zone-full', 'Nothing was changed. Give js_shared_dict_zone a larger size.');
    } else {
      r.error(`cert_rotation: ${(e as Error).message}`);
      answerProblem(r, 'internal', 'The error log says more.');
    }
  }
}
