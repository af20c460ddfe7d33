import type { Certificate } from './certificate';
import { normaliseWithWildcard } from './server_name';

/** The server names among the DNS names of a certificate, normalised, each once. */
export function serverNamesOf(certificate: Certificate): string[] {
  return certificate.names
    .map(normaliseWithWildcard)
    .filter((name, i, all) => name && all.indexOf(name) === i);
}
