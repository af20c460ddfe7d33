/** The shortest line of base64 that is looked for; of hex it is as many bytes. */
const BASE64_LENGTH = 16;
const HEX_LENGTH = 24;

/**
 * Looks for any part of private keys, wherever its lines are broken, at any offset, in base64 or hex, and for PEM labels.
 *
 * @param text what must not hold any: a log
 * @param offered PEM texts, damaged or whole, with the keys among other blocks
 * @returns what was found, once each; none: []
 */
export function findKeyTraces(text: string, offered: string[]): string[] {
  const joined = text.replace(/[\r\n]|\\[rn]/g, '');
  const inText = {
    base64: windows(joined, /[A-Za-z0-9+/]+/g, BASE64_LENGTH),
    hex: windows(joined.toLowerCase(), /[0-9a-f]+/g, HEX_LENGTH),
  };
  const found = new Set(text.match(/.*PRIVATE KEY.*/g));
  for (const key of new Set(offered.flatMap(keysIn))) {
    const bytes = Buffer.from(key, 'base64');
    // Another encoding of the same bytes depends only on where in a group of three it starts.
    const encodings = [key, ...[0, 1, 2].map((from) => bytes.subarray(from).toString('base64'))];
    for (const encoding of encodings) {
      for (const part of partsOf(encoding, BASE64_LENGTH)) {
        if (inText.base64.has(part)) found.add(part);
      }
    }
    for (const part of partsOf(bytes.toString('hex'), HEX_LENGTH)) {
      if (inText.hex.has(part)) found.add(part);
    }
  }
  return [...found];
}

/** The base64 of each block that is called a key, without line ends; one that is cut off ends with the text. */
function keysIn(pem: string): string[] {
  return [...pem.matchAll(/KEY-----([^]*?)(?:-----|$)/g)]
    .map((match) => match[1]!.replace(/[^A-Za-z0-9+/=]/g, ''))
    .filter((key) => key !== '');
}

function windows(text: string, runs: RegExp, length: number): Set<string> {
  return new Set((text.match(runs) ?? []).flatMap((run) => partsOf(run, length)));
}

/** All parts of a length, at every offset. */
function partsOf(text: string, length: number): string[] {
  return Array.from({ length: Math.max(text.length - length + 1, 0) }, (_, at) =>
    text.slice(at, at + length),
  );
}
