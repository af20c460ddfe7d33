import { type Context, contextOf } from '../certs/context';
import { refuse } from '../engine/refusal';
import { normaliseWithWildcard } from '../x509/server_name';
import { expectAllowed } from './guard';
import { answerError } from './response';

/**
 * Does the work of an HTTP handler, if the client is allowed to ask for it. An exception becomes the answer.
 *
 * @param methods the methods that the handler supports
 * @param work answers the request, or throws
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
    answerError(r, context.zone, e);
  }
}

const NAMES_PATH = '/certs/';

/**
 * Reads the name in a request's path, after `/certs/`.
 *
 * @returns a normalised name or wildcard; '' where the path ends with `/certs/`, or does not contain it
 * @throws malformed: the text there is neither a name nor a wildcard
 */
export function nameInPath(r: NginxHTTPRequest): string {
  const at = r.uri.indexOf(NAMES_PATH);
  const text = at < 0 ? '' : r.uri.slice(at + NAMES_PATH.length);
  const name = normaliseWithWildcard(text);
  if (text && !name) refuse('malformed', 'The path has to name a server name or a wildcard.');
  return name;
}
