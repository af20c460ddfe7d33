import { refuse } from '../engine/refusal';

// The messages of etcd's JSON gateway to gRPC (https://etcd.io/docs/v3.5/dev-guide/api_grpc_gateway/): bytes are base64, numbers of
// 64 bits are strings, and a member that is 0, false or empty is left out.

/** The state of the store, which each answer has. */
export interface Header {
  cluster: string;
  /** The number of the leader's election. It only grows, unless the cluster was restored. */
  term: number;
  revision: number;
}

export interface KeyValue {
  key: string;
  /** '' where the request was for keys only. */
  value: string;
  createRevision: number;
  modRevision: number;
}

/** One operation or comparison of a transaction, as the gateway takes it. */
export type Operation = object;

/** The most that a log line quotes of an error, in characters. */
const LONGEST_MESSAGE = 120;

/** What an error of etcd's has nothing of: a line of PEM, or base64 as values are sent in. */
const LOOKS_LIKE_KEY = /-----|[A-Za-z0-9+/]{32}/;

export function getOperation(key: string): Operation {
  return { request_range: { key: encodeKey(key) } };
}

export function putOperation(key: string, value: string): Operation {
  return { request_put: { key: encodeKey(key), value: encode(value), prev_kv: true } };
}

export function deleteOperation(key: string): Operation {
  return { request_delete_range: { key: encodeKey(key), prev_kv: true } };
}

/** The comparison that a key was last written at a revision, or, where that is 0, does not exist. */
export function isUnchanged(key: string, modRevision: number): Operation {
  return {
    key: encodeKey(key),
    target: 'MOD',
    result: 'EQUAL',
    mod_revision: `${modRevision}`,
  };
}

export type Fields = Readonly<Record<string, unknown>>;

/** @throws store-unavailable, always */
export function unavailable(detail: string): never {
  return refuse('store-unavailable', `etcd: ${detail}`);
}

/**
 * The message of the gateway's error, as the beginning of a line of printable ASCII.
 *
 * @returns '' where the answer is no error in the gateway's format, or may quote a key that it was sent
 */
export function messageOf(fields: Fields): string {
  const text = textOf(fields['message']) || textOf(fields['error']);
  if (typeof fields['code'] !== 'number' || LOOKS_LIKE_KEY.test(text)) return '';
  return text
    .replace(/[^!-~]+/g, ' ')
    .trim()
    .slice(0, LONGEST_MESSAGE);
}

/** The key after the last one that begins with a prefix: the `range_end` of a request for all of them. */
export function endOf(prefix: string): string {
  const last = prefix.length - 1;
  return prefix.slice(0, last) + String.fromCharCode(prefix.charCodeAt(last) + 1);
}

/** @throws store-unavailable: the answer is not etcd's. The keys that it lacks must not pass for deleted ones. */
export function headerOf(answer: Fields): Header {
  const header = memberOf(answer, 'header');
  const cluster = textOf(header['cluster_id']);
  const term = numberOf(header['raft_term']);
  const revision = numberOf(header['revision']);
  if (!cluster || !(term > 0) || !(revision > 0)) unavailable('the answer has no revision');
  return { cluster, term, revision };
}

/**
 * The keys of an answer. One that cannot be read must not pass for one that is not there: its pair would be removed.
 *
 * @param kvs the member of the answer; undefined for none
 * @param prefix of all keys that are asked for
 * @throws store-unavailable: the answer is not etcd's
 */
export function keyValues(kvs: unknown, prefix: string): KeyValue[] {
  return listOf(kvs).map((kv) => {
    const key = bytesOf(Buffer.from(base64Of(kv['key']), 'base64'));
    const value = kv['value'] === undefined ? '' : base64Of(kv['value']);
    const createRevision = numberOf(kv['create_revision']);
    const modRevision = numberOf(kv['mod_revision']);
    if (!key.startsWith(prefix) || !(createRevision > 0) || !(modRevision >= createRevision)) {
      unavailable('the answer has a key that was not asked for, or one without a revision');
    }
    return {
      key,
      value: Buffer.from(value, 'base64').toString(),
      createRevision,
      modRevision,
    };
  });
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** @throws store-unavailable: the value is no bytes as the gateway writes them */
function base64Of(value: unknown): string {
  return typeof value === 'string' && BASE64.test(value)
    ? value
    : unavailable('the answer has a key that cannot be read');
}

export function memberOf(fields: Fields, name: string): Fields {
  const part = fields[name];
  return isFields(part) ? part : {};
}

/**
 * The objects of a list; none where the gateway has left it out.
 *
 * @throws store-unavailable: it is something else
 */
export function listOf(value: unknown): Fields[] {
  if (value === undefined) return [];
  return Array.isArray(value) && value.every(isFields)
    ? value
    : unavailable('the answer has something else where its keys should be');
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

/** A text with one character for each byte, so that bytes that are not UTF-8 are kept, and the order of keys is that of bytes. */
export function bytesOf(bytes: Buffer): string {
  const text = bytes.toString();
  if (/^[\0-\x7f]*$/.test(text)) return text;
  let all = '';
  for (let i = 0; i < bytes.length; i++) all += String.fromCharCode(bytes[i] as number);
  return all;
}
