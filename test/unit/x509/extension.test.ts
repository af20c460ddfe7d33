import { describe, expect, test } from 'vitest';

import { write } from '../../../src/x509/der.js';
import { readPair } from '../../../src/x509/pair.js';
import { certificate } from '../../support/openssl.js';

const ATTRIBUTE = write(0x30, '0603550403' + '0c026162');
const DIRECTORY_NAME = write(0xa4, write(0x30, write(0x31, ATTRIBUTE)));
const point = (content: string): string => write(0x30, write(0x30, content));
/** An IPv4 prefix, and all of IPv6. */
const ADDRESSES = write(
  0x30,
  write(0x30, '04020001' + write(0x30, '0304000a0001' + write(0x30, '030200010303000102'))) +
    write(0x30, '04020002' + '0500'),
);

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
    `crlDistributionPoints=DER:${point(write(0xa0, write(0xa1, ATTRIBUTE)))}`,
    `crlDistributionPoints=DER:${point(write(0x81, '0780') + write(0xa2, DIRECTORY_NAME))}`,
    `nameConstraints=DER:${write(0x30, write(0xa0, write(0x30, '820161' + '800100' + '810105')))}`,
    `subjectAltName=DER:${write(0x30, '820161' + 'a3023100' + DIRECTORY_NAME)}`,
    `subjectAltName=DER:${write(0x30, '820161' + write(0xa5, 'a0030c0161' + 'a103130161'))}`,
    `issuerAltName=DER:${write(0x30, '8900')}`,
    `1.3.6.1.5.5.7.1.7=DER:${ADDRESSES}`,
    `1.3.6.1.5.5.7.1.8=DER:${write(0x30, write(0xa0, write(0x30, '020101' + '3006020102020105')) + 'a1020500')}`,
    'nsCertType=server',
    'nsCertType=DER:03020000',
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
    ['uses in bits that are none', 'keyUsage=DER:0302077f'],
    ['uses in the third byte alone', 'keyUsage=DER:030400000001'],
    ['a certificate type of nine unused bits', 'nsCertType=DER:03020980'],
    ['a directory name that is none', 'subjectAltName=DER:3004a4020500'],
    ['an EDI party without a name', `subjectAltName=DER:${write(0x30, write(0xa5, 'a0030c0161'))}`],
    [
      'an EDI party with a number for a name',
      `subjectAltName=DER:${write(0x30, write(0xa5, 'a103020101'))}`,
    ],
    ['a constraint that is none', 'nameConstraints=DER:3004a0023000'],
    [
      'a distance that is none',
      `nameConstraints=DER:${write(0x30, write(0xa0, write(0x30, '820161' + '8002ffff')))}`,
    ],
    ['a distribution point that is none', 'crlDistributionPoints=DER:30020500'],
    ['a distribution point without a name', 'crlDistributionPoints=DER:30023000'],
    ['reasons without a name', `crlDistributionPoints=DER:${point('81020780')}`],
    ['a relative name that is none', `crlDistributionPoints=DER:${point('a004a1020500')}`],
    [
      'addresses of no family',
      `1.3.6.1.5.5.7.1.7=DER:${write(0x30, write(0x30, '0500' + '0500'))}`,
    ],
    [
      'systems that are no numbers',
      `1.3.6.1.5.5.7.1.8=DER:${write(0x30, write(0xa0, write(0x30, '04020001')))}`,
    ],
    ['what makes it a proxy', '1.3.6.1.5.5.7.1.14=DER:3000'],
  ])('is refused: %s', (_, extension) => {
    expect(() => read(extension)).toThrow(expect.objectContaining({ code: 'malformed' }));
  });
});
