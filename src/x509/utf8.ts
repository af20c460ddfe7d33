/** The smallest character that takes one, two or three bytes after the first. */
const SMALLEST = [0, 0x80, 0x800, 0x10000];

/**
 * Whether bytes are UTF-8 (RFC 3629): no overlong form, no surrogate, nothing above U+10FFFF. OpenSSL refuses a Name with other bytes in
 * a UTF8String (ASN1_STRING_to_UTF8 in asn1_string_canon, crypto/x509/x_name.c). The engines' decoders cannot tell: that of QuickJS
 * lets surrogates pass.
 */
export function isUtf8(bytes: Buffer, start: number, end: number): boolean {
  let at = start;
  while (at < end) {
    const first = bytes[at++] as number;
    if (first < 0x80) continue;
    const more = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    if (first < 0xc0 || first >= 0xf8 || at + more > end) return false;
    let code = first & (0x3f >> more);
    for (const last = at + more; at < last; at++) {
      const next = bytes[at] as number;
      if ((next & 0xc0) !== 0x80) return false;
      code = code * 64 + (next & 0x3f);
    }
    const isSurrogate = code >= 0xd800 && code < 0xe000;
    if (code < (SMALLEST[more] as number) || code > 0x10ffff || isSurrogate) return false;
  }
  return true;
}
