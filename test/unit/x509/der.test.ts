import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import {
  GENERALIZED_TIME,
  INTEGER,
  OBJECT_IDENTIFIER,
  OCTET_STRING,
  SEQUENCE,
  UTC_TIME,
  bitString,
  children,
  dottedForm,
  expectInteger,
  hexOf,
  hexOfWhole,
  objectIdentifier,
  positiveInteger,
  readElement,
  readOnly,
  readTagged,
  readWhole,
  readTime,
  write,
} from '../../../src/x509/der.js';

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
const element = (hex: string) => readElement(bytes(hex), 0, hex.length / 2);
const malformed: unknown = expect.objectContaining({ code: 'malformed' });

describe('readElement', () => {
  test.each([
    ['0400', ''],
    ['040161', '61'],
    ['04817f' + '00'.repeat(127), null],
    ['048180' + '00'.repeat(128), '00'.repeat(128)],
    ['0482' + '0080' + '00'.repeat(128), null],
    ['0482' + '0100' + '00'.repeat(256), '00'.repeat(256)],
    ['0483' + '010000' + '00'.repeat(65536), '00'.repeat(65536)],
    ['0483' + '00ffff' + '00'.repeat(65535), null],
    ['0484' + '01000000', null],
    ['0480' + '0000', null],
    ['04', null],
    ['', null],
    ['0401', null],
    ['0481', null],
    ['048201', null],
    ['1f0100', null],
  ])('%.20s', (hex, value) => {
    if (value === null) expect(() => element(hex)).toThrow(malformed);
    else expect(hexOf(element(hex))).toBe(value);
  });

  test('does not read past the limit, though there are bytes', () => {
    expect(hexOf(readElement(bytes('00040161'), 1, 4))).toBe('61');
    expect(() => readElement(bytes('040161'), 0, 2)).toThrow(malformed);
  });
});

describe('what write wrote', () => {
  test('is read back, whatever its length', () => {
    fc.assert(
      fc.property(fc.constantFrom(OCTET_STRING, SEQUENCE), fc.nat(70000), (tag, length) => {
        const value = 'ab'.repeat(length);
        const read = readWhole(bytes(write(tag, value)), tag, 'it');
        expect(hexOf(read)).toBe(value);
        expect(hexOfWhole(read)).toBe(write(tag, value));
      }),
      { numRuns: 200 },
    );
  });

  test('has children', () => {
    const parent = element(write(SEQUENCE, '020101' + write(OCTET_STRING, '6162') + '0500'));
    expect(children(parent).map(hexOf)).toEqual(['01', '6162', '']);
    expect(() => children(element('3003020101' + '00'))).not.toThrow();
    expect(() => children(element('3004020101' + '05'))).toThrow(malformed);
  });
});

describe('what must be there, and alone', () => {
  test('another tag', () => {
    expect(() => readWhole(bytes('0400'), SEQUENCE, 'it')).toThrow(malformed);
    expect(() => readTagged(element('30020400'), 2, INTEGER, 'it')).toThrow(malformed);
    expect(() => readOnly(element('30020400'), INTEGER, 'it')).toThrow(malformed);
  });

  test('something after it', () => {
    expect(() => readWhole(bytes('040000'), OCTET_STRING, 'it')).toThrow(malformed);
    expect(() => readOnly(element('300404000400'), OCTET_STRING, 'it')).toThrow(malformed);
    expect(hexOf(readOnly(element('3003040161'), OCTET_STRING, 'it'))).toBe('61');
  });
});

describe('INTEGER', () => {
  test.each([
    ['020100', true, null],
    ['020101', true, '01'],
    ['02020080', true, '80'],
    ['02020100', true, '0100'],
    ['0201ff', true, null],
    ['0202ff7f', true, null],
    ['0200', false, null],
    ['02020001', false, null],
    ['0202ff80', false, null],
    ['040101', false, null],
  ])('%s', (hex, isInteger, positive) => {
    if (isInteger) expectInteger(element(hex), 'it');
    else {
      expect(() => {
        expectInteger(element(hex), 'it');
      }).toThrow(malformed);
    }
    if (positive === null) expect(() => positiveInteger(element(hex), 'it')).toThrow(malformed);
    else expect(positiveInteger(element(hex), 'it')).toBe(positive);
  });
});

test('BIT STRING of whole bytes', () => {
  expect(bitString(element('0303000102'), 'it')).toBe('0102');
  expect(() => bitString(element('0300'), 'it')).toThrow(malformed);
  expect(() => bitString(element('03020780'), 'it')).toThrow(malformed);
});

describe('OBJECT IDENTIFIER', () => {
  test.each([
    ['550403', '2.5.4.3'],
    ['2a864886f70d010101', '1.2.840.113549.1.1.1'],
    ['2b6570', '1.3.101.112'],
    ['00', '0.0'],
    ['4f', '1.39'],
    ['8837', '2.999'],
  ])('%s', (hex, text) => {
    expect(objectIdentifier(element(write(OBJECT_IDENTIFIER, hex)))).toBe(hex);
    expect(dottedForm(hex)).toBe(text);
  });

  test.each(['0600', '06025580', '06035580 01', '060480015504', '040155'])('not %s', (hex) => {
    expect(() => objectIdentifier(element(hex.replace(' ', '')))).toThrow(malformed);
  });
});

describe('time', () => {
  const at = (tag: number, text: string) =>
    readTime(element(write(tag, Buffer.from(text).toString('hex'))), 'it');

  test.each([
    [UTC_TIME, '700101000000Z', 0],
    [UTC_TIME, '260228235959Z', Date.UTC(2026, 1, 28, 23, 59, 59) / 1000],
    [UTC_TIME, '240229000000Z', Date.UTC(2024, 1, 29) / 1000],
    [UTC_TIME, '491231235959Z', Date.UTC(2049, 11, 31, 23, 59, 59) / 1000],
    [UTC_TIME, '500101000000Z', Date.UTC(1950, 0, 1) / 1000],
    [GENERALIZED_TIME, '20500101000000Z', Date.UTC(2050, 0, 1) / 1000],
    [GENERALIZED_TIME, '99991231235959Z', 253402300799],
  ])('%i %s', (tag, text, seconds) => {
    expect(at(tag, text)).toBe(seconds);
  });

  test.each([
    [UTC_TIME, '260229000000Z'],
    [UTC_TIME, '261301000000Z'],
    [UTC_TIME, '260100000000Z'],
    [UTC_TIME, '260101240000Z'],
    [UTC_TIME, '260101000060Z'],
    [UTC_TIME, '2601010000Z'],
    [UTC_TIME, '260101000000'],
    [UTC_TIME, '2601010000000'],
    [UTC_TIME, '260101000000+0100'],
    [UTC_TIME, '26 101000000Z'],
    [UTC_TIME, '26-101000000Z'],
    [UTC_TIME, '20260101000000Z'],
    [UTC_TIME, ''],
    [GENERALIZED_TIME, '20260101000000.5Z'],
    [GENERALIZED_TIME, '260101000000Z'],
    [GENERALIZED_TIME, '1e10101000000Z'],
    [OCTET_STRING, '20260101000000Z'],
  ])('not %i %s', (tag, text) => {
    expect(() => at(tag, text)).toThrow(malformed);
  });
});
