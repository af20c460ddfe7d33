import { contextOf } from '../certs/context';
import { isRefusal, refuse } from '../engine/refusal';
import { variablesOf } from '../engine/session';
import { clear } from './clear';
import { isFromPage, isLocalClient } from './guard';

/** A request as it came: the argument `name`, as often as it is there, and headers by lower-case name. */
interface Request {
  names: string[];
  headers: Record<string, string | undefined>;
}

/**
 * What `/clear` is in `http`, for the zone of a `stream` block: for `js_preread` in a server of its own, which answers by
 * `return`. nginx comes to that when the clear is done. Where it is refused or fails, the reason is logged and the
 * connection closed without an answer.
 *
 * Takes `GET` or `POST`, whatever the path, of clients on loopback or a unix socket alone.
 */
export function clear_stream(s: NginxStreamRequest): void {
  let isRead = false;
  // All that has come up to now, each time.
  s.on('upload', (text) => {
    if (isRead || text.indexOf('\r\n\r\n') < 0) return;
    isRead = true;
    work(s, text).then(
      () => {
        s.allow();
      },
      (e: unknown) => {
        const code = isRefusal(e) ? `${e.code}: ` : '';
        s.error(`cert_rotation: /clear: ${code}${(e as Error).message}`);
        s.deny();
      },
    );
  });
}

async function work(s: NginxStreamRequest, text: string): Promise<void> {
  if (!isLocalClient(variablesOf(s))) {
    refuse('forbidden', 'only clients on loopback or a unix socket are answered');
  }
  const { names, headers } = readRequest(text);
  if (isFromPage((name) => headers[name])) {
    refuse('forbidden', 'requests that a web page makes are not answered');
  }
  await clear(contextOf(s), names.length > 1 ? names : names[0]);
}

/** Reads the head of an HTTP/1 request as far as it matters here. */
function readRequest(text: string): Request {
  const lines = text.slice(0, text.indexOf('\r\n\r\n')).split('\r\n');
  const line = /^(?:GET|POST) [^ ?]+(?:\?([^ ]*))? HTTP\/1\.[01]$/.exec(lines[0] as string);
  if (!line) return refuse('malformed', 'no GET or POST request of HTTP/1');
  const headers: Request['headers'] = {};
  lines.slice(1).forEach((header) => {
    const colon = header.indexOf(':');
    headers[header.slice(0, colon).toLowerCase()] = header.slice(colon + 1).trim();
  });
  const names = (line[1] || '')
    .split('&')
    .filter((argument) => argument === 'name' || argument.startsWith('name='))
    .map((argument) => decoded(argument.slice('name='.length)));
  return { names, headers };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return refuse('malformed', 'an argument that is not encoded as one');
  }
}
