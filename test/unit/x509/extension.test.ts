import { describe, expect, test } from 'vitest';

import { readPair } from '../../../src/x509/pair.js';
import { certificate } from '../../support/openssl.js';

function read(...extensions: string[]): unknown {
  const made = certificate({ extensions });
  return readPair(made.pem + made.key).leaf.names;
}

describe('what OpenSSL reads when it uses a certificate', () => {
  test.each([
    'basicConstraints=critical,CA:FALSE',
    'basicConstraints=CA:TRUE,pathlen:3',
    'keyUsage=digitalSignature,decipherOnly',
    'extendedKeyUsage=serverAuth,clientAuth,1.2.3.4',
    'issuerAltName=URI:http://ca.example/,email:ca@ca.example',
    'subjectAltName=DNS:a.example,IP:192.0.2.1,RID:1.2.3,otherName:1.2.3;UTF8:x',
    'nameConstraints=permitted;DNS:example,excluded;IP:192.0.2.0/255.255.255.0',
    'crlDistributionPoints=URI:http://ca.example/1,URI:http://ca.example/2',
    'nsCertType=server',
    '1.2.3.4=DER:ffff',
  ])('is taken: %s', (extension) => {
    expect(() => read(extension)).not.toThrow();
  });

  test.each([
    ['of more than is known', 'basicConstraints=DER:3009010100020100020100'],
    ['a negative length', 'basicConstraints=DER:30060101ff0201ff'],
    ['no sequence', 'basicConstraints=DER:0500'],
    ['an empty list of uses', 'keyUsage=DER:03020700'],
    ['uses with nine unused bits', 'keyUsage=DER:03020980'],
    ['a use that is no identifier', 'extendedKeyUsage=DER:30020500'],
    ['an authority in the wrong order', 'authorityKeyIdentifier=DER:3006820101800101'],
    ['a name of an unknown type', 'subjectAltName=DER:30028900'],
    ['a name that is cut off', 'subjectAltName=DER:3003820361'],
    ['a directory name that is none', 'issuerAltName=DER:3004a4020500'],
    ['a constraint that is none', 'nameConstraints=DER:3004a0023000'],
    ['a distribution point that is none', 'crlDistributionPoints=DER:30020500'],
    ['what makes it a proxy', '1.3.6.1.5.5.7.1.14=DER:3000'],
  ])('is refused: %s', (_, extension) => {
    expect(() => read(extension)).toThrow(expect.objectContaining({ code: 'malformed' }));
  });
});
