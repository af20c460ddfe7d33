import { isAdminRemote } from '../config/settings';
import { refuse } from '../engine/refusal';
import { type Variables, variablesOf } from '../engine/session';

/**
 * Refuses a request of a client that is not allowed, of a web page, or with a method that the handler does not support.
 *
 * `$remote_user` is set where the location has `auth_basic`, and nginx has then checked the password. Without `auth_basic` it is
 * whatever the client claims.
 *
 * @param methods the methods that the handler supports
 * @throws forbidden: the client is neither local nor authenticated by nginx, or a web page may have made the request;
 *   method-not-allowed, with the header `Allow` set
 */
export function expectAllowed(r: NginxHTTPRequest, methods: string[]): void {
  if (!isAllowedClient(r)) {
    refuse(
      'forbidden',
      'The client has to connect through loopback or a unix socket, or to authenticate; see $cert_admin_remote.',
    );
  }
  if (isFromPage((name) => r.headersIn[name])) {
    refuse('forbidden', 'A web page may not make this request; use a client such as curl.');
  }
  if (methods.indexOf(r.method) < 0) {
    r.headersOut['Allow'] = methods.join(', ');
    refuse('method-not-allowed', `Use ${methods.join(' or ')}.`);
  }
}

function isAllowedClient(r: NginxHTTPRequest): boolean {
  const variables = variablesOf(r);
  return (
    isLocalClient(variables) ||
    !!variables['remote_user'] ||
    variables['ssl_client_verify'] === 'SUCCESS' ||
    isAdminRemote(variables)
  );
}

/** Whether the client is connected through a unix socket or a loopback address. */
export function isLocalClient(variables: Variables): boolean {
  // The realip module sets the first from a header of the request, and keeps the address of the connection in the second.
  return (
    isLocalAddress(variables['remote_addr']) &&
    isLocalAddress(variables['realip_remote_addr'] || variables['remote_addr'])
  );
}

function isLocalAddress(address: string | undefined): boolean {
  return address !== undefined && /^(unix:|127\.|::1$|::ffff:127\.)/.test(address);
}

/**
 * Whether a web page may have made the request.
 *
 * A browser sends `Origin` with all methods but GET and HEAD, even to the page's own site (Fetch standard, 3.2). This also stops a
 * page whose domain was made to resolve to this address. For GET and HEAD, `Sec-Fetch-Site` tells. Browsers send it to addresses
 * that they trust: TLS, or loopback by its own name. Where both headers are absent, the request is a page's if its `User-Agent` is
 * that of a browser.
 *
 * @param header returns a header of the request by its lower-case name
 */
export function isFromPage(header: (name: string) => string | undefined): boolean {
  if (header('origin') !== undefined) return true;
  const site = header('sec-fetch-site');
  if (site !== undefined) return site !== 'none' && site !== 'same-origin';
  // All browsers begin it like this, and a page cannot change it for an image or a form.
  return /^Mozilla\//.test(header('user-agent') || '');
}
