import { X509Certificate } from 'node:crypto';
import { chmodSync, copyFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SetUpError } from '../setup/command.js';
import { writePair, type Authority } from '../support/certificates.js';

/** A certificate that the demo serves. */
export interface ServedName {
  /** As in the file names NAME.cert.pem and NAME.key.pem: `_.example.com` for a wildcard. */
  file: string;
  /** A server name to ask for it with. */
  servername: string;
  /** What the certificate is for. */
  dnsNames: string[];
}

const EXAMPLES = ['localhost', 'shop.example', '*.apps.example'];

/** Makes certificates for three names, one of them a wildcard, and writes them into a directory. */
export async function makeExamples(authority: Authority, directory: string): Promise<ServedName[]> {
  const served = EXAMPLES.map((name) => describe(name.replace('*', '_'), [name]));
  for (const { file, dnsNames } of served) {
    await writePair(directory, file, await authority.issue({ names: dnsNames }));
  }
  return served;
}

/**
 * Copies the pairs of a user's folder: the rotation writes files, and theirs stay as they are.
 * Returns at least one, wildcards last. Throws a SetUpError where the folder cannot be read or holds no pair.
 */
export function copyPairs(from: string, directory: string): ServedName[] {
  const served = pairNames(from).map((file) => {
    for (const name of [`${file}.cert.pem`, `${file}.key.pem`]) {
      copyFileSync(join(from, name), join(directory, name));
      // For nginx's workers; nobody else on this machine gets into the work directory.
      chmodSync(join(directory, name), 0o644);
    }
    const leaf = new X509Certificate(readFileSync(join(directory, `${file}.cert.pem`)));
    const alternatives = leaf.subjectAltName?.matchAll(/DNS:([^,\s]+)/g) ?? [];
    return describe(
      file,
      [...alternatives].map(([, name = '']) => name),
    );
  });
  if (served.length === 0) {
    throw new SetUpError(`${from} holds no pair NAME.cert.pem and NAME.key.pem.`);
  }
  // A wildcard is no name to fall back to, so that it comes last.
  return served.sort((a, b) => Number(a.file.startsWith('_')) - Number(b.file.startsWith('_')));
}

function pairNames(directory: string): string[] {
  let files: string[];
  try {
    files = readdirSync(directory);
  } catch {
    throw new SetUpError(`${directory} is not a folder that can be read.`);
  }
  return files
    .filter((name) => name.endsWith('.cert.pem'))
    .map((name) => name.slice(0, -'.cert.pem'.length))
    .filter((name) => files.includes(`${name}.key.pem`));
}

function describe(file: string, dnsNames: string[]): ServedName {
  const name = file.replace(/^_\./, '*.');
  return {
    file,
    servername: file.replace(/^_\./, 'any.'),
    dnsNames: dnsNames.length > 0 ? dnsNames : [name],
  };
}
