import { refuse } from '../refusal';
import { normaliseWithWildcard } from '../server_name';

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
