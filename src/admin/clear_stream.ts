import { contextOf } from '../certs/context';
import { isRefusal, refuse } from '../engine/refusal';
import { variablesOf } from '../engine/session';
import { clear } from './clear';
import { isFromPage, isLocalClient } from './guard';

/** The head of a request: all arguments `name`, and the headers by lower-case name. */
interface RequestHead {
  names: string[];
  headers: Record<string, string | undefined>;
}

/**
 * Clears the zone of a `stream` block, as `/clear` does in `http`, for `js_preread` in a server of its own, which answers by
 * `return`. nginx runs that `return` once the clear is done. Where the clear is refused or fails, the reason is logged and the
 * connection closed without an answer.
 *
 * The request is a `GET` or `POST` of any path, from a client on loopback or a unix socket.
 */
export function clear_stream(s: NginxStreamRequest): void {
  let isRead = false;
  // njs passes all bytes that were received so far, each time.
  s.on('upload', (text) => {
    if (isRead || text.indexOf('\r\n\r\n') < 0) return;
    isRead = true;
    clearFor(s, text).then(
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

async function clearFor(s: NginxStreamRequest, text: string): Promise<void> {
  if (!isLocalClient(variablesOf(s))) {
    refuse('forbidden', 'the client has to connect through loopback or a unix socket');
  }
  const { names, headers } = readRequestHead(text);
  if (isFromPage((name) => headers[name])) {
    refuse('forbidden', 'a web page may not make this request');
  }
  await clear(contextOf(s), names.length > 1 ? names : names[0]);
}

/**
 * Reads the head of an HTTP/1 request.
 *
 * @throws malformed
 */
function readRequestHead(text: string): RequestHead {
  const lines = text.slice(0, text.indexOf('\r\n\r\n')).split('\r\n');
  const line = /^(?:GET|POST) [^ ?]+(?:\?([^ ]*))? HTTP\/1\.[01]$/.exec(lines[0] as string);
  if (!line) return refuse('malformed', 'the request is not a GET or POST of HTTP/1');
  const headers: RequestHead['headers'] = {};
  lines.slice(1).forEach((header) => {
    const colon = header.indexOf(':');
    headers[header.slice(0, colon).toLowerCase()] = header.slice(colon + 1).trim();
  });
  const names = (line[1] || '')
    .split('&')
    .filter((argument) => argument === 'name' || argument.startsWith('name='))
    .map((argument) => decodeArgument(argument.slice('name='.length)));
  return { names, headers };
}

function decodeArgument(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return refuse('malformed', 'an argument is not percent-encoded UTF-8');
  }
}
