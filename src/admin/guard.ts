import { isAdminRemote, variablesOf } from '../settings';
import { answerProblem } from './problem';

/**
 * Lets a request through or answers it: 403 where the client is neither local nor authenticated by nginx, 405 where the
 * method is not one of those taken.
 *
 * `$remote_user` is what the client claims unless the location has `auth_basic`: then no request without the right
 * password comes this far.
 *
 * @returns false where it is answered
 */
export function isAllowed(r: NginxHTTPRequest, methods: string[]): boolean {
  const variables = variablesOf(r);
  const isAuthenticated = variables['remote_user'] || variables['ssl_client_verify'] === 'SUCCESS';
  // The realip module puts what a header says into the first; the second is who is connected.
  const isLocal =
    isLocalAddress(variables['remote_addr']) &&
    isLocalAddress(variables['realip_remote_addr'] || variables['remote_addr']);
  if (!isLocal && !isAuthenticated && !isAdminRemote(variables)) {
    answerProblem(
      r,
      'forbidden',
      'Only clients on loopback or a unix socket, or authenticated ones, are answered; see $cert_admin_remote.',
    );
    return false;
  }
  if (methods.indexOf(r.method) < 0) {
    r.headersOut['Allow'] = methods.join(', ');
    answerProblem(r, 'method-not-allowed', `Use ${methods.join(' or ')}.`);
    return false;
  }
  return true;
}

function isLocalAddress(address: string | undefined): boolean {
  return address !== undefined && /^(unix:|127\.|::1$|::ffff:127\.)/.test(address);
}
