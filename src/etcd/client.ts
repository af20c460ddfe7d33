import { readFile } from '../disk/fs';
import type { Variables } from '../engine/session';
import type { Zone } from '../zone/dict';
import { dropNote, findNote, putNote } from '../zone/notes';
import {
  type Fields,
  type Header,
  type KeyValue,
  type Operation,
  bytesOf,
  encodeKey,
  endOf,
  headerOf,
  isFields,
  keyValues,
  listOf,
  messageOf,
  numberOf,
  textOf,
  unavailable,
} from './wire';

// A client of etcd's JSON gateway to gRPC (https://etcd.io/docs/v3.5/dev-guide/api_grpc_gateway/): reads, transactions, and the
// token of a user. wire.ts has the form of the messages.

/** The etcd of the settings, and the account that asks it. */
export interface Etcd {
  /** The address of its gateway, without a slash at the end. */
  url: string;
  /** The beginning of all keys. In keys a character stands for a byte, because etcd orders keys by their bytes. */
  prefix: string;
  /** Empty where etcd asks for no password. */
  user: string;
  passwordFile: string;
  /** The file of the key that values are sealed with; empty where they are not sealed. */
  sealKeyFile: string;
  /** Holds the token for the next request. */
  zone: Zone;
}

export interface Range {
  header: Header;
  /** In the order of the keys' bytes. */
  kvs: KeyValue[];
  /** Whether the limit left keys out. */
  more: boolean;
  /** The number of keys in the range, whatever limit and revision were asked for. */
  count: number;
}

export interface RangeOptions {
  /** The most keys in the answer; without it there is no limit. */
  limit?: number;
  /** Leaves the values out. */
  keysOnly?: boolean;
  /** Leaves out keys that were last written before this revision. */
  minModRevision?: number;
}

export interface Outcome {
  header: Header;
  /** Whether all comparisons were true, and so the operations were done. */
  succeeded: boolean;
  /** The value that each operation read, overwrote or deleted; undefined where the key was not there. */
  found: (KeyValue | undefined)[];
}

/** In bytes: 16 values of 1.5 MiB, the largest request that etcd accepts by default, in base64. */
const LARGEST_ANSWER = 33 * 1024 * 1024;
const DEFAULT_PREFIX = '/certs/';

/** The gRPC status code for a missing or invalid token. */
const UNAUTHENTICATED = 16;

/**
 * Reads the settings of etcd.
 *
 * @returns undefined where `$cert_etcd` is not set
 */
export function etcdOf(variables: Variables, zone: Zone): Etcd | undefined {
  const url = variables['cert_etcd'];
  if (!url) return undefined;
  return {
    url: url.replace(/\/+$/, ''),
    prefix: bytesOf(Buffer.from(variables['cert_etcd_prefix'] || DEFAULT_PREFIX)),
    user: variables['cert_etcd_user'] || '',
    passwordFile: variables['cert_etcd_password_file'] || '',
    sealKeyFile: variables['cert_seal_key_file'] || '',
    zone,
  };
}

/**
 * Reads the current revision, by a request for a single key: the prefix itself, which belongs to no slot. So the answer stays small
 * whatever the number of keys.
 *
 * @throws (rejects with) store-unavailable
 */
export async function readHeader(etcd: Etcd): Promise<Header> {
  return headerOf(
    await call(etcd, '/v3/kv/range', { key: encodeKey(etcd.prefix), keys_only: true }),
  );
}

/**
 * Reads the keys under the prefix in a range, with their values.
 *
 * @param after the key before the range, which need not exist; '' for the beginning
 * @param to the last key of the range, which need not exist; '' for the end
 * @throws (rejects with) store-unavailable
 */
export async function readKeys(
  etcd: Etcd,
  after: string,
  to: string,
  options: RangeOptions,
): Promise<Range> {
  const answer = await call(etcd, '/v3/kv/range', {
    key: encodeKey(after ? `${after}\0` : etcd.prefix),
    range_end: encodeKey(to ? `${to}\0` : endOf(etcd.prefix)),
    limit: options.limit || 0,
    keys_only: !!options.keysOnly,
    min_mod_revision: options.minModRevision || 0,
  });
  const header = headerOf(answer);
  const kvs = keyValues(answer['kvs'], etcd.prefix);
  const more = answer['more'] === true;
  const count = numberOf(answer['count']);
  // Without a limit and a revision to begin with, the answer has all keys of the range.
  const isWhole = options.minModRevision || more ? kvs.length <= count : kvs.length === count;
  if (!isWhole) unavailable('the answer lacks keys that it counts');
  return { header, kvs, more, count };
}

/**
 * Does all operations at one revision, provided that all comparisons are true.
 *
 * @throws (rejects with) store-unavailable: etcd may have done the operations all the same
 */
export async function transact(
  etcd: Etcd,
  compare: Operation[],
  success: Operation[],
): Promise<Outcome> {
  const answer = await call(etcd, '/v3/kv/txn', { compare, success });
  const header = headerOf(answer);
  const succeeded = answer['succeeded'] === true;
  const responses = listOf(answer['responses']);
  if (succeeded && responses.length !== success.length) {
    unavailable('the answer lacks responses to what was asked');
  }
  const found = responses.map((response) => keyValues(kvsIn(response), etcd.prefix)[0]);
  return { header, succeeded, found };
}

/**
 * The keys in the response to one operation.
 *
 * @throws store-unavailable: it is a response to something else
 */
function kvsIn(response: Fields): unknown {
  const { response_range, response_put, response_delete_range } = response;
  if (isFields(response_range)) return response_range['kvs'];
  if (isFields(response_delete_range)) return response_delete_range['prev_kvs'];
  if (!isFields(response_put)) return unavailable('the answer has a response to something else');
  const { prev_kv } = response_put;
  return prev_kv === undefined ? undefined : [prev_kv];
}

interface Reply {
  status: number;
  fields: Fields;
}

async function call(etcd: Etcd, path: string, body: object): Promise<Fields> {
  if (!etcd.user) return expectDone(await post(etcd, path, body, ''));
  const known = findNote(etcd.zone, 'token');
  if (known !== undefined) {
    const reply = await post(etcd, path, body, known);
    if (!isTokenRefused(reply)) return expectDone(reply);
    dropNote(etcd.zone, 'token');
  }
  return expectDone(await post(etcd, path, body, await authenticate(etcd)));
}

/**
 * Whether etcd wants another token. It forgets a token some minutes after its last use, and each change of users and roles makes
 * all tokens invalid.
 */
function isTokenRefused({ status, fields }: Reply): boolean {
  return (
    status !== 200 &&
    (fields['code'] === UNAUTHENTICATED || /auth.* is old/.test(messageOf(fields)))
  );
}

async function authenticate(etcd: Etcd): Promise<string> {
  let password: string;
  try {
    password = readFile(etcd.passwordFile).replace(/\r?\n$/, '');
  } catch (e) {
    return unavailable((e as Error).message);
  }
  const fields = expectDone(
    await post(etcd, '/v3/auth/authenticate', { name: etcd.user, password }, ''),
  );
  const token = textOf(fields['token']) || unavailable('the answer to the log-in has no token');
  putNote(etcd.zone, 'token', token);
  return token;
}

async function post(etcd: Etcd, path: string, body: object, token: string): Promise<Reply> {
  let status: number;
  let text: string;
  try {
    const reply = await ngx.fetch(etcd.url + path, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: token ? { Authorization: token } : {},
      max_response_body_size: LARGEST_ANSWER,
    });
    status = reply.status;
    text = await reply.text();
  } catch (e) {
    return unavailable((e as Error).message);
  }
  try {
    const fields: unknown = JSON.parse(text);
    if (isFields(fields)) return { status, fields };
  } catch {
    // The engine's message is not used: it may quote the text, and with it a private key.
  }
  // Nor is any of the text: a page that is not etcd's may quote what it was sent, and an answer may be cut off in a private key.
  return unavailable(`the answer has status ${status}, and is no JSON object`);
}

function expectDone({ status, fields }: Reply): Fields {
  if (status !== 200) unavailable(messageOf(fields) || `the answer has status ${status}`);
  return fields;
}
