import { refuse } from '../engine/refusal';

// Reads PEM as OpenSSL does (RFC 7468, and RFC 1421 for the headers of an encrypted key): text before, between and after the blocks
// is skipped, and a label may be any text. More is accepted than OpenSSL takes: indented lines, blank lines in a block, and a block
// whose END line is missing or shares its line with the next BEGIN. That is harmless, because nginx only gets PEM that `encodeBlock` wrote.

/** A chain and its key, each as PEM text. */
export interface Pem {
  chain: string;
  key: string;
}

/** A PEM block, from its BEGIN to its END line. */
export interface Block {
  label: string;
  /** Whether its headers say that it is encrypted (RFC 1421, `Proc-Type: 4,ENCRYPTED`), as PKCS#1 and SEC1 keys may be. */
  encrypted: boolean;
  /** The base64 text with its line ends, not checked yet: `decodeBlock` reads it. */
  body: string;
}

const BEGIN = '-----BEGIN ';
const END = '-----END ';
const DASHES = '-----';

/** The most characters of a BEGIN line. OpenSSL reads longer lines in parts, none of which is a BEGIN line (LINESIZE in crypto/pem/pem_lib.c). */
const LONGEST_LINE = 254;

/** The most BEGIN lines of a text: some more than a bundle of all public authorities has. */
const MOST_BLOCKS = 500;

/** The characters in a line of base64 that is written. */
const LINE = 64;

/**
 * Splits text into its PEM blocks, in their order. The time is linear in the length of the text.
 *
 * @returns an empty list where there is no block
 * @throws malformed: the text ends within a block, as in a file half written, a block ends otherwise than it began, or there are too many
 */
export function readBlocks(text: string): Block[] {
  const blocks: Block[] = [];
  let begin = nextLine(text, BEGIN, 0);
  for (let lines = 1; begin >= 0; lines++) {
    if (lines > MOST_BLOCKS) refuse('malformed', `over ${MOST_BLOCKS} PEM blocks`);
    const bodyAt = endOfLine(text, begin);
    const label = labelIn(text, begin + BEGIN.length, bodyAt);
    if (label === null) {
      // OpenSSL takes such a line for text. At the end of the text it is what a writer has got to.
      if (bodyAt === text.length) refuse('malformed', 'a BEGIN line is not complete');
      begin = nextLine(text, BEGIN, bodyAt);
      continue;
    }
    const bodyEnd = nextLine(text, DASHES, bodyAt);
    if (bodyEnd >= 0) blocks.push(blockOf(label, text.slice(bodyAt, bodyEnd)));
    begin = nextLine(text, BEGIN, afterBlock(text, label, bodyEnd));
  }
  return blocks;
}

/**
 * The offset of the next line with this start, after blanks.
 *
 * @param from the offset of a line, or of a line's end
 * @returns -1 where there is none
 */
function nextLine(text: string, start: string, from: number): number {
  let at = text.indexOf(start, from);
  while (at >= 0 && !startsLine(text, at, from)) at = text.indexOf(start, at + start.length);
  return at;
}

/** Whether only blanks stand before an offset on its line, or between `from` and that offset. */
function startsLine(text: string, at: number, from: number): boolean {
  let before = at - 1;
  while (before >= from && isBlank(text.charCodeAt(before))) before--;
  return before < from || text.charCodeAt(before) === 0x0a;
}

/** Whether a character is a blank: a control character, as in OpenSSL, or a byte order mark. */
function isBlank(char: number): boolean {
  return (char <= 0x20 && char !== 0x0a) || char === 0xfeff;
}

function endOfLine(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end < 0 ? text.length : end;
}

/** The label of a BEGIN line, which may be any text (RFC 7468, section 2), and empty; null where the line is none. */
function labelIn(text: string, at: number, lineEnd: number): string | null {
  if (lineEnd - at > LONGEST_LINE) return null;
  // The pattern is not \s, because the engines differ in the blanks outside ASCII.
  const line = text.slice(at, lineEnd).replace(/[^!-~]+$/, '');
  return line.endsWith(DASHES) ? line.slice(0, -DASHES.length) : null;
}

/**
 * The offset after a block.
 *
 * @param at of the line after its body; -1 where there is none
 * @throws malformed
 */
function afterBlock(text: string, label: string, at: number): number {
  // Another block begins: the END line was lost. Whether the body is complete, its DER tells.
  if (at >= 0 && text.startsWith(BEGIN, at)) return at;
  const closing = END + label + DASHES;
  if (at < 0 || !text.startsWith(closing, at)) {
    refuse('malformed', `no END line for ${quote(label)}: is the file complete?`);
  }
  const after = at + closing.length;
  let next = after;
  while (next < text.length && isBlank(text.charCodeAt(next))) next++;
  const isAlone = next === text.length || text.charCodeAt(next) === 0x0a;
  // Two files were joined of which the first one does not end in a line break.
  if (!isAlone && !text.startsWith(BEGIN, next)) {
    refuse('malformed', `no line break after the END line of ${quote(label)}`);
  }
  return after;
}

/** Takes the headers off a body. A colon is not base64, so only headers contain one. */
function blockOf(label: string, content: string): Block {
  if (content.indexOf(':') < 0) return { label, encrypted: false, body: content };
  const text = content.replace(/^\s+/, '\n');
  const blankLine = /\n[ \t\r]*\n/.exec(text);
  const headersEnd = blankLine ? blankLine.index : text.length;
  const encrypted = /\nProc-Type:\s*4,\s*ENCRYPTED/.test(text.slice(0, headersEnd));
  // Without a blank line the headers stay, and are no base64.
  return { label, encrypted, body: blankLine ? text.slice(headersEnd) : text };
}

/**
 * Decodes the bytes of a block.
 *
 * @throws malformed: the body is empty, or not base64 with its padding (RFC 4648, section 4)
 */
export function decodeBlock(block: Block): Buffer {
  // OpenSSL drops control characters at the ends of lines.
  // eslint-disable-next-line no-control-regex -- that is why these are here
  const base64 = block.body.replace(/[\u0000-\u0020]+/g, '');
  const padding = base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0;
  const digits = padding > 0 ? base64.slice(0, -padding) : base64;
  // The engines' decoders skip other characters, each in its own way. Bits after the last byte are no fault: OpenSSL ignores them.
  if (digits === '' || base64.length % 4 !== 0 || /[^A-Za-z0-9+/]/.test(digits)) {
    refuse('malformed', `bad base64 in ${quote(block.label)}`);
  }
  return Buffer.from(base64, 'base64');
}

/**
 * A label for a message, in lower case, so that a search of the logs for private keys finds no such message. Text that is no usual
 * label is left out: it may be anything.
 */
export function quote(label: string): string {
  return /^[A-Z0-9 .]{1,40}$/.test(label) ? `"${label.toLowerCase()}"` : 'a PEM block';
}

/** Writes a PEM block, in lines of 64 characters, each of which ends in LF. */
export function encodeBlock(label: string, bytes: Buffer): string {
  const base64 = bytes.toString('base64');
  let text = `${BEGIN}${label}${DASHES}\n`;
  for (let at = 0; at < base64.length; at += LINE) text += base64.slice(at, at + LINE) + '\n';
  return `${text}${END}${label}${DASHES}\n`;
}
