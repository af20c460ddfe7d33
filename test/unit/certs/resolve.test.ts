import fs from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import { pemOf, readMeta } from '../../../src/zone/record.js';
import { createAuthority } from '../../support/certificates.js';
import { Handshakes } from '../../support/handshakes.js';
import { pemIn } from '../../support/slots.js';
import { readRows } from '../../support/text_table.js';

const NAME = 'a.b.example';
const WILDCARD = '*.b.example';
const FALLBACK = 'fb.example';

const authority = await createAuthority();
const pair = await authority.issue({ names: [NAME] });
const site = new Handshakes();

describe('the order', () => {
  // Of what is held, and for whom: `served` is what a handshake for `asked` gets.
  const COLUMNS = ['asked', 'variables', 'handler', 'held', 'served'] as const;
  const rows = readRows(
    COLUMNS,
    `
asked         | variables                | handler | held                                    | served
a.b.example   |                          | first   | a.b.example *.b.example fb.example      | a.b.example
a.b.example   |                          | first   | *.b.example fb.example                  | *.b.example
a.b.example   |                          | first   | fb.example                              | fb.example
a.b.example   |                          | first   | b.example *.example *.a.b.example       |
x.a.b.example |                          | first   | *.b.example                             |
A.B.Example.  |                          | first   | a.b.example fb.example                  | a.b.example
              |                          | first   | a.b.example fb.example                  | fb.example
not a name    |                          | first   | a.b.example fb.example                  | fb.example
../a.example  |                          | first   | ../a.example                            |
localhost     |                          | first   | localhost                               | localhost
_.b.example   |                          | first   | _.b.example *.b.example                 | *.b.example
w.b.example   | wildcard=w               | first   | w.b.example *.b.example                 | *.b.example
_.b.example   | wildcard=w               | first   | _.b.example *.b.example                 | _.b.example
a.b.example   | name=c.example           | first   | a.b.example c.example                   | c.example
a.b.example   | name=c.example           | first   | a.b.example fb.example                  | fb.example
a.b.example   | name=not/one             | first   | a.b.example fb.example                  | fb.example
              | fallback=*.b.example     | first   | *.b.example                             | *.b.example
a.b.example   | fallback=a.b.example     | first   | *.b.example                             | *.b.example
a.b.example   | rsa                      | first   | a.b.example *rsa:a.b.example            | a.b.example
a.b.example   | rsa                      | RSA     | a.b.example *rsa:a.b.example            | *rsa:a.b.example
a.b.example   | rsa                      | first   | *rsa:a.b.example *.b.example            | *rsa:a.b.example
a.b.example   | rsa                      | RSA     | a.b.example *rsa:*.b.example            | a.b.example
a.b.example   | rsa                      | RSA     | *.b.example *rsa:*.b.example fb.example | *rsa:*.b.example
a.b.example   | rsa                      | first   | *rsa:fb.example                         | *rsa:fb.example
a.b.example   |                          | RSA     | *rsa:a.b.example *.b.example            | *.b.example
`,
  );
  const SET: Record<string, (value: string) => Record<string, string>> = {
    wildcard: (label) => ({ cert_wildcard_label: label }),
    name: (name) => ({ cert_name: name }),
    fallback: (name) => ({ cert_fallback: name }),
    rsa: () => ({ cert_file_rsa: `${site.folder}/{name}.rsa.cert.pem` }),
  };

  test.each(rows)('"$asked" $variables, $handler handler, of $held: "$served"', (row) => {
    site.variables['cert_fallback'] = FALLBACK;
    const [variable = '', value = ''] = row.variables.split('=');
    if (variable) Object.assign(site.variables, SET[variable]!(value));
    for (const slot of row.held.split(' ')) site.hold(slot);
    const record = site.ask(row.asked, row.handler === 'RSA');
    expect(record === '' ? '' : readMeta(record)!.files).toBe(row.served);
    expect(site.lines).toEqual([]);
  });

  test('looks at files of each name before the next one, and once', () => {
    // Nothing is remembered of the first look.
    vi.stubGlobal('ngx', { shared: { certs: site.zone }, worker_id: 0 });
    Object.assign(site.variables, { cert_fallback: WILDCARD });
    const stat = vi.spyOn(fs, 'statSync');
    expect(site.ask(NAME)).toBe('');
    const looks = stat.mock.calls.map(([path]) => String(path));
    expect(looks.filter((path) => path.endsWith('.cert.pem'))).toEqual([
      `${site.folder}/${NAME}.cert.pem`,
      `${site.folder}/_.b.example.cert.pem`,
    ]);
  });
});

describe('a fault', () => {
  test('under one name is logged, and the next in the order is served', () => {
    const wildcard = site.hold(WILDCARD);
    const get = site.zone.get.bind(site.zone);
    vi.spyOn(site.zone, 'get').mockImplementation((key) => {
      if (key === NAME) throw new TypeError('broken');
      return get(key);
    });
    expect(site.ask(NAME)).toBe(wildcard);
    expect(site.lines).toEqual([`error: cert_rotation: ${NAME}: broken`]);
  });

  test('in a look at the files of a name leaves what is held of it', () => {
    const record = site.hold(NAME);
    vi.setSystemTime(site.now + site.interval);
    const add = site.zone.add.bind(site.zone);
    vi.spyOn(site.zone, 'add').mockImplementation((key, value) => {
      if (key.startsWith('#lock:')) throw new TypeError('broken');
      return add(key, value);
    });
    expect(site.ask(NAME)).toBe(record);
    expect(site.lines).toEqual([`error: cert_rotation: ${NAME}: broken`]);
  });

  test('in the settings is logged, and nothing is served', () => {
    vi.stubGlobal('ngx', {});
    expect(site.ask(NAME)).toBe('');
    expect(site.lines).toHaveLength(1);
    expect(site.lines[0]).toMatch(/^error: cert_rotation: /);
  });

  test('of a zone that is no use is logged, and files are served', () => {
    site.write(NAME, pair);
    vi.spyOn(site.zone, 'get').mockImplementation(() => {
      throw new TypeError('of numbers');
    });
    expect(pemOf(site.ask(NAME))).toBe(pemIn(pair));
    expect(site.lines).toEqual([
      'error: cert_rotation: the zone "certs" cannot be used: of numbers',
    ]);
  });
});

test('without a zone files are served by each look at them', () => {
  vi.stubGlobal('ngx', { shared: {} });
  expect(site.ask(NAME)).toBe('');
  site.write(NAME, pair);
  expect(pemOf(site.ask(NAME))).toBe(pemIn(pair));
  expect(site.lines).toEqual([]);
});
