/** A name of its own under which nothing is ever stored; in a log it shows that a name got there. */
export const MARK = 'injected.example';

const ALL_BYTES = Array.from({ length: 256 }, (_, byte) => Buffer.from([byte]));

/** What a HostName (RFC 6066, 3) may be as long as without being refused for it, and some more. */
const LONGEST = 300;

/**
 * HostNames that nobody sends in good faith, and next to them some that are names after all.
 *
 * @param owned a name that is served, of two labels
 * @param parent a name under whose wildcard each name of one more label is served
 */
export function hostileNames(owned: string, parent: string): Buffer[] {
  return [...everyByte(owned, parent), ...everyLength(parent), ...spelled(owned, parent)];
}

/** Each byte alone, and at the beginning, within and at the end of names that are served without it. */
function everyByte(owned: string, parent: string): Buffer[] {
  const around: [string, string][] = [
    ['', ''],
    ['', owned],
    [owned.slice(0, 1), owned.slice(1)],
    [owned, ''],
    ['x', `y.${parent}`],
    ['', `.${parent}`],
  ];
  return around.flatMap(([before, after]) =>
    ALL_BYTES.map((byte) => Buffer.concat([Buffer.from(before), byte, Buffer.from(after)])),
  );
}

/** Each length, of one label, of many, and under the wildcard with a trailing dot and without. */
function everyLength(parent: string): Buffer[] {
  return Array.from({ length: LONGEST + 1 }, (_, length) => [
    'x'.repeat(length),
    'x.'.repeat(length).slice(0, length),
    `.${parent}`.padStart(length, 'x'),
    `.${parent}.`.padStart(length, 'x'),
  ]).flatMap((texts) => texts.map((text) => Buffer.from(text)));
}

function spelled(owned: string, parent: string): Buffer[] {
  const upper = owned.toUpperCase();
  const folders = ['../', '../../', '/', './', '..\\', '..%2f', '%2e%2e%2f', '%2e%2e/', '..%c0%af'];
  const texts = [
    // Served all the same.
    ...[owned, upper, `${upper}.`, `X.${parent}`, `-.${parent}`, `xn--x-0ga.${parent}`],
    // Other folders, from where the templates begin and from the root of the file system.
    ...folders.flatMap((folder) => [`${folder}certs/${owned}`, `${folder}${owned}`, folder]),
    ...folders.map((folder) => `${folder}.${parent}`),
    ...[
      '/etc/passwd',
      '../../../../../../etc/passwd',
      '/dev/stdin',
      '/proc/self/environ',
      'nul',
      'CON',
    ],
    // What the templates, nginx and a shell take for something else than text.
    ...[
      '{name}',
      `{name}.${parent}`,
      '$pid',
      '${pid}',
      '$ssl_server_name',
      '`id`',
      '$(id)',
      '~',
      '&',
      ';',
    ],
    ...[
      'data:',
      'data:x',
      'engine:x:y',
      'store:file:x',
      '%s%n%x',
      '%00',
      `${owned}%00`,
      '%2a',
      '%',
      '%%',
    ],
    // Keys of the zone that are no names, and such that look like them.
    ...[
      '#',
      '#clear',
      '#lock',
      '#lock:',
      `#lock:${owned}`,
      '#clear.',
      `*.${parent}`,
      '*',
      '*.*',
      '*.',
      '.*',
    ],
    ...[
      `**.${parent}`,
      `x*.${parent}`,
      `*.x.${parent}`,
      `*x.${parent}`,
      `_.${parent}`,
      '_',
      '_.',
      '__proto__',
    ],
    ...[
      'constructor',
      'prototype',
      'toString',
      'undefined',
      'null',
      'NaN',
      '0',
      '-1',
      '1e9',
      'true',
    ],
    // Addresses.
    ...[
      '127.0.0.1',
      '192.0.2.1',
      '0x7f.1',
      '::1',
      '[::1]',
      '2001:db8::1',
      '[2001:db8::1]:443',
      `${owned}:443`,
    ],
    // Labels that are empty or begin or end as none may.
    ...[
      '.',
      '..',
      '...',
      `.${owned}`,
      `..${owned}`,
      `${owned}..`,
      owned.replace('.', '..'),
      `.${parent}`,
    ],
    ...[
      '-',
      '--',
      `-${owned}`,
      `${owned}-`,
      owned.replace('.', '-.'),
      owned.replace('.', '.-'),
      `-${owned}-`,
    ],
    // Blanks, quotes and ends of lines.
    ...[
      ` ${owned}`,
      `${owned} `,
      ` ${owned} `,
      `${owned}\t`,
      `${owned}\n`,
      `${owned}\r\n`,
      `\n${owned}`,
    ],
    ...[
      `x y.${parent}`,
      `x\n.${parent}`,
      `x.${parent}\n`,
      `"${owned}"`,
      `'${owned}'`,
      `<${owned}>`,
      `"`,
      `'`,
    ],
    `x\n2026/01/01 00:00:00 [alert] 1#1: ${MARK}`,
    `x\r\n2026/01/01 00:00:00 [emerg] 1#1: ${MARK}\r\n`,
    `x\u001b[2J\u0007${MARK}`,
    // Not ASCII: letters whose lower case is, full stops that are none, and a name in its own script.
    ...[
      '\u212a.example',
      '\u017f.example',
      '\u0130.example',
      '\uff41.example',
      `x.${parent}\u200b`,
    ],
    ...[
      owned.replace('.', '\u3002'),
      owned.replace('.', '\uff0e'),
      `b\u00fccher.${parent}`,
      '\u4f8b\u3048',
    ],
    ...[
      `\ufeff${owned}`,
      `${owned}\u00a0`,
      `\u202e${owned}`,
      'e\u0301.example',
      '\ud83d\ude00.example',
    ],
    ...['xn--', 'xn--\u00fc', 'xn--a', `xn--${owned}`, 'xn--bcher-kva.example'],
  ];
  // UTF-8 that is cut short, too long, or of half a surrogate pair.
  const bytes = ['c3', 'e282', 'f09f98', 'c0ae', 'e080ae', 'eda080', 'f8888080ae', 'feff', 'fffe'];
  return [
    ...texts.map((text) => Buffer.from(text)),
    ...bytes.flatMap((hex) => [
      Buffer.from(hex, 'hex'),
      Buffer.concat([Buffer.from(hex, 'hex'), Buffer.from(`.${parent}`)]),
    ]),
  ];
}
