import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { decodeBlock, encodeBlock, quote, readBlocks } from '../../../src/x509/pem.js';

const one = encodeBlock('CERTIFICATE', Buffer.alloc(100, 1));
const two = encodeBlock('PRIVATE KEY', Buffer.alloc(50, 2));
const malformed: unknown = expect.objectContaining({ code: 'malformed' });

/** Labels and contents. */
function read(text: string): string[] {
  return readBlocks(text).map((block) => `${block.label} ${decodeBlock(block).toString('hex')}`);
}

const both = ['CERTIFICATE ' + '01'.repeat(100), 'PRIVATE KEY ' + '02'.repeat(50)];

test('what encode writes has lines of 64 and is read back', () => {
  expect(one.split('\n').map((line) => line.length)).toEqual([27, 64, 64, 8, 25, 0]);
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 500 }), (bytes) => {
      const text = encodeBlock('X509 CRL', Buffer.from(bytes));
      expect(read(text)).toEqual(['X509 CRL ' + Buffer.from(bytes).toString('hex')]);
    }),
  );
});

describe('shapes in the wild', () => {
  test.each<[string, string]>([
    ['as written', one + two],
    ['CRLF', (one + two).replace(/\n/g, '\r\n')],
    ['no last newline', (one + two).trimEnd()],
    ['white space around', `\n \t\n${one}\n\n${two}\n  `],
    ['trailing blanks on every line', (one + two).replace(/\n/g, '  \n')],
    ['indented', (one + two).replace(/^/gm, '    ')],
    ['a byte order mark', '\ufeff' + one + two],
    [
      'Bag Attributes',
      `Bag Attributes\n    friendlyName: größe\n${one}Key Attributes: <No>\n${two}`,
    ],
    ['-text output', `Certificate:\n    Data:\n        Version: 3 (0x2)\n${one}${two}`],
    ['text that mentions -----BEGIN in a line', `# -----BEGIN CERTIFICATE-----\n${one}${two}`],
    ['all in one base64 line', (one + two).replace(/(\w)\n(\w)/g, '$1$2')],
    ['blank lines inside', (one + two).replace(/(\w)\n(\w)/g, '$1\n\n$2')],
    ['joined without a line break', one.trimEnd() + two],
    ['an END line missing', one.replace(/-----END.*\n/, '') + two],
    ['bits after the last byte', (one + two).replace('AQ==', 'AR==')],
    ['control characters at line ends', (one + two).replace(/\n/g, '\0\f\n')],
    ['what only looks like a BEGIN line', `-----BEGIN X----- and more\n${one}-----BEGIN \n${two}`],
  ])('%s', (_, text) => {
    expect(read(text)).toEqual(both);
  });

  test('no block at all', () => {
    expect(readBlocks('')).toEqual([]);
    expect(readBlocks('not PEM')).toEqual([]);
  });
});

describe('malformed', () => {
  test.each<[string, string]>([
    ['cut off in the body', one.slice(0, 100)],
    ['cut off in the END line', one.slice(0, -5)],
    ['cut off in the BEGIN line', one + '-----BEGIN CERTI'],
    ['END of another label', one.replace('END CERTIFICATE', 'END X509 CERTIFICATE')],
    ['text before END', one.replace('\n-----END', '-----END')],
    ['END of a label that is longer', one.replace('END CERTIFICATE', 'END CERTIFICATE X')],
  ])('%s', (_, text) => {
    expect(() => readBlocks(text)).toThrow(malformed);
  });

  test.each<[string, string]>([
    ['a character that is not base64', one.replace('AQEB', 'AQ*B')],
    ['base64url', encodeBlock('X', Buffer.alloc(6, 255)).replace(/\//g, '_')],
    ['no padding', one.replace('==', '')],
    ['too much padding', one.replace('==', '===')],
    ['padding inside', one.replace('AQEB', 'AQ==')],
    ['a missing character', one.replace('AQEB', 'AEB')],
    ['a byte order mark inside', one.replace('AQEB', 'AQ\ufeffEB')],
    ['a no-break space', one.replace('AQEB', 'AQ\u00a0EB')],
    ['nothing', '-----BEGIN X-----\n-----END X-----\n'],
  ])('bad base64: %s', (_, text) => {
    const block = readBlocks(text)[0]!;
    expect(() => decodeBlock(block)).toThrow(malformed);
  });
});

describe('headers', () => {
  const headers = 'Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,0123456789ABCDEF\n';

  test.each(['\n', '\r\n'])('an encrypted key, line ends %j', (lineEnd) => {
    const text = two.replace('-----\n', `-----\n${headers}\n`).replace(/\n/g, lineEnd);
    expect(readBlocks(text)).toMatchObject([{ label: 'PRIVATE KEY', encrypted: true }]);
    expect(read(text)).toEqual(both.slice(1));
  });

  test('others are skipped', () => {
    const text = one.replace('-----\n', '-----\nSubject: Proc-Type\n\n');
    expect(readBlocks(text)).toMatchObject([{ encrypted: false }]);
    expect(read(text)).toEqual(both.slice(0, 1));
  });

  test('without a blank line they are no base64, and nobody minds in a block of another kind', () => {
    const [block] = readBlocks(two.replace('-----\n', `-----\n${headers}`));
    expect(() => decodeBlock(block!)).toThrow(malformed);
    expect(block!.encrypted).toBe(true);
  });
});

describe('labels', () => {
  test.each(['certificate', 'X9.42 DH PARAMETERS', 'a-b', 'größe', 'A-----B', ''])(
    '%j',
    (label) => {
      const text = `-----BEGIN ${label}-----\nAQID\n-----END ${label}-----\n`;
      expect(readBlocks(one + text + two).map((block) => block.label)).toEqual([
        'CERTIFICATE',
        label,
        'PRIVATE KEY',
      ]);
    },
  );

  test('one that is no usual label is in no message: it may be anything', () => {
    expect(quote('RSA PRIVATE KEY')).toBe('"rsa private key"');
    expect(quote('MIGHAgEAMBMGByqGSM49')).toBe('a PEM block');
    expect(quote('A'.repeat(41))).toBe('a PEM block');
  });

  test('a line is a BEGIN line up to the length that OpenSSL reads', () => {
    const block = (length: number): string =>
      `-----BEGIN ${'X'.repeat(length)}-----\nAQID\n-----END ${'X'.repeat(length)}-----\n`;
    expect(readBlocks(block(230))).toHaveLength(1);
    expect(readBlocks(block(300))).toEqual([]);
  });
});

test('over 500 BEGIN lines are refused, whether blocks begin there or not', () => {
  expect(readBlocks(one.repeat(500))).toHaveLength(500);
  expect(() => readBlocks(one.repeat(501))).toThrow(malformed);
  expect(() => readBlocks('-----BEGIN A-----x\n'.repeat(501))).toThrow(malformed);
});

test('a mebibyte of anything takes no longer than it must', () => {
  const size = 1 << 20;
  const hostile = [
    '-----BEGIN ',
    '-----BEGIN A-----\n',
    ' ',
    '\n',
    '\n ',
    '-',
    one,
    '-----END A-----\n',
    '-----BEGIN A-----x\n',
    '-----\n',
    '-----BEGIN A----------END A-----',
  ];
  for (const part of hostile) {
    for (const prefix of ['', '-----BEGIN A-----\n', '-----BEGIN A-----\nA: b\n']) {
      const text = prefix + part.repeat(size / part.length);
      const started = performance.now();
      try {
        readBlocks(text).forEach(decodeBlock);
      } catch (e) {
        expect(e).toEqual(malformed);
      }
      expect(performance.now() - started, JSON.stringify(prefix + part)).toBeLessThan(1000);
    }
  }
});
