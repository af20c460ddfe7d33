import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { isForm, readForm } from '../../../src/admin/form.js';

const TYPE = 'multipart/form-data; boundary=XX';

const part = (name: string, value: string, more = ''): string =>
  `--XX\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`;

const malformed = (detail: string): unknown =>
  expect.objectContaining({
    code: 'malformed',
    message: expect.stringContaining(detail) as unknown,
  });

describe('a form is told by its Content-Type', () => {
  test.each([TYPE, 'Multipart/Form-Data;boundary="a b"', ' multipart/form-data'])('%s', (type) => {
    expect(isForm(type)).toBe(true);
  });

  test.each(['', 'multipart/form-database', 'multipart/mixed; boundary=XX', 'text/plain'])(
    'not %s',
    (type) => {
      expect(isForm(type)).toBe(false);
    },
  );
});

describe('fields', () => {
  test('are read with their line breaks, whatever stands around them', () => {
    const text = `preamble\r\n${part('cert', 'a\r\nb\n')}${part('key', '', '; filename="x"\r\nContent-Type: text/plain')}--XX--\r\nepilogue`;
    expect(readForm(text, TYPE)).toEqual({ cert: 'a\r\nb\n', key: '' });
  });

  test.each([
    [
      'the name last',
      '--XX\r\ncontent-disposition:form-data;filename="x";name="a"\r\n\r\n1\r\n--XX--',
    ],
    [
      'white space after the delimiter',
      '--XX \t\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--XX--',
    ],
  ])('%s', (_, text) => {
    expect(readForm(text, TYPE)).toEqual({ a: '1' });
  });

  test('as fetch sends them', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string(), fc.string(), async (cert, key) => {
        const form = new FormData();
        form.set('cert', new Blob([cert]), 'cert.pem');
        form.set('key', new Blob([key]));
        const request = new Request('http://localhost', { method: 'POST', body: form });
        const type = request.headers.get('content-type') ?? '';
        expect(readForm(await request.text(), type)).toEqual({ cert, key });
      }),
    );
  });

  test('may be named as anything', () => {
    const read = readForm(`${part('__proto__', '1')}--XX--`, TYPE);
    expect(Object.keys(read)).toEqual(['__proto__']);
  });
});

describe('refused', () => {
  test.each<[string, string, string]>([
    ['no boundary', 'multipart/form-data', 'without a boundary'],
    ['nothing', TYPE, 'cut off'],
    ['no last delimiter', TYPE, 'cut off'],
  ])('%s', (what, type, detail) => {
    const text = what === 'nothing' ? '' : part('a', '1');
    expect(() => readForm(text, type)).toThrow(malformed(detail));
  });

  test('a form that ends anywhere before its end', () => {
    const text = `${part('cert', '1')}${part('key', '2')}--XX--`;
    for (let length = 0; length < text.length; length++) {
      expect(() => readForm(text.slice(0, length), TYPE)).toThrow(malformed('cut off'));
    }
  });

  test('a field twice', () => {
    const text = `${part('a', '1')}${part('a', '2')}--XX--`;
    expect(() => readForm(text, TYPE)).toThrow(malformed('two fields of one name'));
  });

  test('a field without a name', () => {
    expect(() => readForm('--XX\r\n\r\n1\r\n--XX--', TYPE)).toThrow(malformed('no name'));
    expect(() => readForm('--XX\r\n--XX--', TYPE)).toThrow(malformed('no name'));
  });

  test('more fields than anybody needs', () => {
    const many = Array.from({ length: 17 }, (_, i) => part(`${i}`, '')).join('');
    expect(() => readForm(`${many}--XX--`, TYPE)).toThrow(malformed('over 16'));
    expect(
      Object.keys(readForm(`${many.slice(0, many.lastIndexOf('--XX'))}--XX--`, TYPE)),
    ).toHaveLength(16);
  });
});
