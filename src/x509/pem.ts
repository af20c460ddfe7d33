import { refuse } from '../engine/refusal';

// Reads PEM as OpenSSL does (RFC 7468, and RFC 1421 for the headers of an encrypted key): text before, between and after the blocks
// is skipped. A byte order mark and indented lines are accepted too. That is harmless, because nginx only gets PEM that
// `encodeBlock` wrote.

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

/** The most characters of a label. OpenSSL reads lines of at most 254 bytes; real labels are shorter than 30. */
const LONGEST_LABEL = 64;

/** The characters in a line of base64 that is written. */
const LINE = 64;

/**
 * Splits text into its PEM blocks, in their order. The time is linear in the length of the text.
 *
 * @returns an empty list where there is no block
 * @throws malformed: a block is incomplete, as in a file half written, or in two files joined without a line break
 */
export function readBlocks(text: string): Block[] {
  const blocks: Block[] = [];
  let begin = text.indexOf(BEGIN);
  while (begin >= 0) {
    if (!startsLine(text, begin)) {
      begin = text.indexOf(BEGIN, begin + BEGIN.length);
      continue;
    }
    const label = readLabel(text, begin + BEGIN.length);
    const bodyStart = begin + BEGIN.length + label.length + DASHES.length;
    expectLineEnd(text, bodyStart, 'BEGIN', label);
    const end = text.indexOf(END, bodyStart);
    const closing = END + label + DASHES;
    if (end < 0 || text.slice(end, end + closing.length) !== closing || !startsLine(text, end)) {
      refuse('malformed', `no END line for ${quote(label)}: is the file complete?`);
    }
    expectLineEnd(text, end + closing.length, 'END', label);
    blocks.push(readBlock(label, text.slice(bodyStart, end)));
    begin = text.indexOf(BEGIN, end + closing.length);
  }
  return blocks;
}

/** Whether only white space or a byte order mark stands before an offset on its line. */
function startsLine(text: string, at: number): boolean {
  let before = at - 1;
  while (before >= 0 && isBlank(text.charCodeAt(before))) before--;
  return before < 0 || text.charCodeAt(before) === 0x0a;
}

function isBlank(char: number): boolean {
  return char === 0x20 || char === 0x09 || char === 0x0d || char === 0xfeff;
}

function readLabel(text: string, at: number): string {
  const line = text.slice(at, at + LONGEST_LABEL);
  const label = line.slice(0, Math.max(line.indexOf(DASHES), 0));
  if (!/^[A-Z0-9 ]+$/.test(label)) refuse('malformed', 'a BEGIN line is not complete');
  return label;
}

function expectLineEnd(text: string, at: number, line: string, label: string): void {
  let next = at;
  while (next < text.length && isBlank(text.charCodeAt(next))) next++;
  if (next < text.length && text.charCodeAt(next) !== 0x0a) {
    refuse('malformed', `no line break after the ${line} line of ${quote(label)}`);
  }
}

function readBlock(label: string, content: string): Block {
  // A colon is not base64, so only headers contain one.
  if (content.indexOf(':') < 0) return { label, encrypted: false, body: content };
  const text = content.replace(/^\s+/, '\n');
  const blankLine = /\n[ \t\r]*\n/.exec(text);
  if (blankLine === null) refuse('malformed', `no blank line after the headers of ${quote(label)}`);
  const encrypted = /\nProc-Type:\s*4,\s*ENCRYPTED/.test(text.slice(0, blankLine.index));
  return { label, encrypted, body: text.slice(blankLine.index) };
}

/**
 * Decodes the bytes of a block.
 *
 * @throws malformed: the body is empty, or not base64 with its padding (RFC 4648, section 4)
 */
export function decodeBlock(block: Block): Buffer {
  // The pattern is not \s, because the engines differ in the blanks outside ASCII.
  const base64 = block.body.replace(/[ \t\r\n]+/g, '');
  const bytes = Buffer.from(base64, 'base64');
  // The engines' decoders skip other characters, each in its own way, so the bytes are encoded again and compared.
  if (bytes.length === 0 || bytes.toString('base64') !== base64) {
    refuse('malformed', `bad base64 in ${quote(block.label)}`);
  }
  return bytes;
}

/** A label for a message, in lower case, so that a search of the logs for private keys finds no such message. */
export function quote(label: string): string {
  return `"${label.toLowerCase()}"`;
}

/** Writes a PEM block, in lines of 64 characters, each of which ends in LF. */
export function encodeBlock(label: string, bytes: Buffer): string {
  const base64 = bytes.toString('base64');
  let text = `${BEGIN}${label}${DASHES}\n`;
  for (let at = 0; at < base64.length; at += LINE) text += base64.slice(at, at + LINE) + '\n';
  return `${text}${END}${label}${DASHES}\n`;
}
