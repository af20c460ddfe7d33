import { refuse } from '../engine/refusal';

/** How far the store is, as each answer says. */
export interface Header {
  cluster: string;
  /** Of the leader's election: it grows, but for a cluster that was restored. */
  term: number;
  revision: number;
}

export interface KeyValue {
  key: string;
  /** '' where only keys were asked for. */
  value: string;
  createRevision: number;
  modRevision: number;
}

/** Something that a transaction does, or compares: in the gateway's own form. */
export type Operation = object;

/** Of an answer that is none, in characters. */
const LONGEST_EXCERPT = 120;

export function getOperation(key: string): Operation {
  return { request_range: { key: encodeKey(key) } };
}

export function putOperation(key: string, value: string): Operation {
  return { request_put: { key: encodeKey(key), value: encode(value), prev_kv: true } };
}

export function deleteOperation(key: string): Operation {
  return { request_delete_range: { key: encodeKey(key), prev_kv: true } };
}

/** That a key was last written at a revision; 0: that it is not there. */
export function isUnchanged(key: string, modRevision: number): Operation {
  return {
    key: encodeKey(key),
    target: 'MOD',
    result: 'EQUAL',
    mod_revision: `${modRevision}`,
  };
}

export type Fields = Readonly<Record<string, unknown>>;

export function unavailable(detail: string): never {
  return refuse('store-unavailable', `etcd: ${detail}`);
}

export function messageOf(fields: Fields): string {
  return wordsOf(textOf(fields['message']) || textOf(fields['error']));
}

/** How a proxy, or etcd before it comes to its gateway, says what is wrong. */
export function excerpt(text: string): string {
  const words = wordsOf(text.replace(/<[^>]*>/g, ' '));
  return words ? `: ${words}` : '';
}

/** The beginning of a text, in one line. */
function wordsOf(text: string): string {
  return text
    .replace(/[^!-~]+/g, ' ')
    .trim()
    .slice(0, LONGEST_EXCERPT);
}

/** The first text after all that begin with a prefix. */
export function endOf(prefix: string): string {
  const last = prefix.length - 1;
  return prefix.slice(0, last) + String.fromCharCode(prefix.charCodeAt(last) + 1);
}

/** @throws store-unavailable: it is no answer of etcd's, and nothing is to be made of what it lacks */
export function headerOf(answer: Fields): Header {
  const header = partOf(answer, 'header');
  const cluster = textOf(header['cluster_id']);
  const term = numberOf(header['raft_term']);
  const revision = numberOf(header['revision']);
  if (!cluster || !(term > 0) || !(revision > 0)) unavailable('its answer has no revision');
  return { cluster, term, revision };
}

export function keyValues(kvs: unknown): KeyValue[] {
  return listOf(kvs).map((kv) => ({
    key: bytesOf(Buffer.from(textOf(kv['key']), 'base64')),
    value: Buffer.from(textOf(kv['value']), 'base64').toString(),
    createRevision: numberOf(kv['create_revision']),
    modRevision: numberOf(kv['mod_revision']),
  }));
}

export function partOf(fields: Fields, name: string): Fields {
  const part = fields[name];
  return isFields(part) ? part : {};
}

export function listOf(value: unknown): Fields[] {
  return Array.isArray(value) ? value.filter(isFields) : [];
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

export function numberOf(value: unknown): number {
  return Number(value || 0);
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64');
}

export function encodeKey(key: string): string {
  const bytes = Buffer.alloc(key.length);
  for (let i = 0; i < key.length; i++) bytes[i] = key.charCodeAt(i);
  return bytes.toString('base64');
}

/** A text with a character for each byte: other bytes than those of UTF-8 stay what they are, and keep their order. */
export function bytesOf(bytes: Buffer): string {
  const text = bytes.toString();
  if (/^[\0-\x7f]*$/.test(text)) return text;
  let all = '';
  for (let i = 0; i < bytes.length; i++) all += String.fromCharCode(bytes[i] as number);
  return all;
}
