import { type Context, contextOf } from '../certs/context';
import { NO_ROOM } from '../certs/install';
import { isRefusal, refuse } from '../engine/refusal';
import { normaliseWithWildcard } from '../x509/server_name';
import { count, refusalLabels } from '../zone/counters';
import { isZoneFull } from '../zone/dict';
import { expectAllowed } from './guard';
import type { Code } from './problems';
import { answerProblem } from './response';

/**
 * Does the work of an HTTP handler for who may ask for it. Whatever is thrown becomes the answer.
 *
 * @param methods those that the handler takes
 */
export async function handle(
  r: NginxHTTPRequest,
  methods: string[],
  work: (context: Context) => void | Promise<void>,
): Promise<void> {
  const context = contextOf(r);
  try {
    expectAllowed(r, methods);
    await work(context);
  } catch (e) {
    if (isRefusal(e)) {
      // What does not open comes from etcd, and never from a request.
      answerRefused(r, context, e.code as Code, e.message);
    } else if (isZoneFull(e)) {
      answerRefused(r, context, 'zone-full', NO_ROOM);
    } else {
      r.error(`cert_rotation: ${(e as Error).message}`);
      answerRefused(r, context, 'internal', 'The error log says more.');
    }
  }
}

function answerRefused(r: NginxHTTPRequest, { zone }: Context, code: Code, reason: string): void {
  if (zone) count(zone, 'refusals_total', refusalLabels('api', code));
  answerProblem(r, code, reason);
}

const FOLDER = '/certs/';

/**
 * The name that a request is about: what follows `/certs/` in its path.
 *
 * @returns normalised, or a wildcard; '' where the path has none
 * @throws malformed: what is there is no name
 */
export function nameInPath(r: NginxHTTPRequest): string {
  const at = r.uri.indexOf(FOLDER);
  const text = at < 0 ? '' : r.uri.slice(at + FOLDER.length);
  const name = normaliseWithWildcard(text);
  if (text && !name) refuse('malformed', 'The path names no server name, nor a wildcard.');
  return name;
}
