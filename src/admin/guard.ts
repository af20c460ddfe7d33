import { isAdminRemote } from '../config/settings';
import { refuse } from '../engine/refusal';
import { type Variables, variablesOf } from '../engine/session';

/**
 * Lets a request through, or refuses it.
 *
 * `$remote_user` is what the client claims unless the location has `auth_basic`: then no request without the right
 * password comes this far.
 *
 * @param methods those that the handler takes
 * @throws forbidden: the client is neither local nor authenticated by nginx, or a browser sends it for a page of another
 *   site; method-not-allowed, with `Allow` set
 */
export function expectAllowed(r: NginxHTTPRequest, methods: string[]): void {
  if (!isAllowedClient(r)) {
    refuse(
      'forbidden',
      'Only clients on loopback or a unix socket, or authenticated ones, are answered; see $cert_admin_remote.',
    );
  }
  if (isFromPage((name) => r.headersIn[name])) {
    refuse('forbidden', 'Requests that a web page makes are not answered; use curl or the like.');
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

/** Whether the client is connected through a unix socket, or from this machine. */
export function isLocalClient(variables: Variables): boolean {
  // The realip module puts what a header says into the first; the second is who is connected.
  return (
    isLocalAddress(variables['remote_addr']) &&
    isLocalAddress(variables['realip_remote_addr'] || variables['remote_addr'])
  );
}

function isLocalAddress(address: string | undefined): boolean {
  return address !== undefined && /^(unix:|127\.|::1$|::ffff:127\.)/.test(address);
}

/**
 * Whether a web page may be behind the request. A browser sends `Origin` with everything but GET and HEAD, to the page's
 * own site as well (Fetch standard, 3.2): that also stops a page whose name was made to point here. Of the others
 * `Sec-Fetch-Site` tells, and browsers that trust the address (TLS, or loopback by its own name) send it. Without it
 * nothing tells an operator's GET from that of an image in a page.
 *
 * @param header the request's, by lower-case name
 */
export function isFromPage(header: (name: string) => string | undefined): boolean {
  if (header('origin') !== undefined) return true;
  const site = header('sec-fetch-site');
  if (site !== undefined) return site !== 'none' && site !== 'same-origin';
  // No page can change it for an image or a form, and all browsers begin it so.
  return /^Mozilla\//.test(header('user-agent') || '');
}
