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
  excerpt,
  headerOf,
  isFields,
  keyValues,
  listOf,
  messageOf,
  numberOf,
  partOf,
  textOf,
  unavailable,
} from './wire';

// etcd by its gateway from JSON to gRPC (https://etcd.io/docs/v3.5/dev-guide/api_grpc_gateway/): bytes are base64, numbers of 64
// bits are strings, and what is 0, false or empty is left out.

/** Where etcd is, and who asks. */
export interface Etcd {
  /** Where its gateway is, without a slash at the end. */
  url: string;
  /** What all keys begin with; of these a character is a byte, as etcd compares them. */
  prefix: string;
  /** Empty: etcd asks for no password. */
  user: string;
  passwordFile: string;
  /** The file of the key that values are sealed with; empty: they are not. */
  sealKeyFile: string;
  /** Holds the token for the next request. */
  zone: Zone;
}

export interface Range {
  header: Header;
  /** In the order of the keys' bytes. */
  kvs: KeyValue[];
  /** Whether the limit left some out. */
  more: boolean;
  /** Of the keys in the range, whatever the limit and the revisions that were asked for. */
  count: number;
}

export interface RangeOptions {
  limit?: number;
  keysOnly?: boolean;
  /** Only keys that were written at this revision or later. */
  minModRevision?: number;
}

export interface Outcome {
  header: Header;
  /** Whether all comparisons held. */
  succeeded: boolean;
  /** What each operation that was done has read, or written over. */
  found: (KeyValue | undefined)[];
}

/** In bytes: sixteen values of the largest size that etcd takes unless told, 1.5 MiB, as base64. */
const LARGEST_ANSWER = 33 * 1024 * 1024;
const DEFAULT_PREFIX = '/certs/';

/** Of gRPC. */
const UNAUTHENTICATED = 16;

/** The etcd of `$cert_etcd`; undefined where none is set. */
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
 * How far the store is, whatever the number of keys: it looks for one that is nobody's.
 *
 * @throws (rejects with) store-unavailable
 */
export async function readHeader(etcd: Etcd): Promise<Header> {
  return headerOf(
    await call(etcd, '/v3/kv/range', { key: encodeKey(etcd.prefix), keys_only: true }),
  );
}

/**
 * Reads keys under the prefix.
 *
 * @param after the key that they come after; '': none
 * @param to the last one, whether it is there or not; '': there is no end to them
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
  return {
    header: headerOf(answer),
    kvs: keyValues(answer['kvs']),
    more: answer['more'] === true,
    count: numberOf(answer['count']),
  };
}

/**
 * Does all of some operations at one revision, if all comparisons hold.
 *
 * @throws (rejects with) store-unavailable: it may have been done all the same
 */
export async function transact(
  etcd: Etcd,
  compare: Operation[],
  success: Operation[],
): Promise<Outcome> {
  const answer = await call(etcd, '/v3/kv/txn', { compare, success });
  return {
    header: headerOf(answer),
    succeeded: answer['succeeded'] === true,
    found: listOf(answer['responses']).map((response) => {
      const kvs = listOf(partOf(response, 'response_range')['kvs']).concat(
        listOf([partOf(response, 'response_put')['prev_kv']]),
        listOf(partOf(response, 'response_delete_range')['prev_kvs']),
      );
      return keyValues(kvs)[0];
    }),
  };
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

/** A token is forgotten some minutes after it was last used, and outdated by each change of users and roles. */
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
  const token = textOf(fields['token']) || unavailable('it gave no token');
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
    // The engine's own message may quote the text.
  }
  // What is cut off in the middle may hold a key.
  return unavailable(
    `it answered ${status}${status === 200 ? ' without JSON of its own' : excerpt(text)}`,
  );
}

function expectDone({ status, fields }: Reply): Fields {
  if (status !== 200) unavailable(messageOf(fields) || `it answered ${status}`);
  return fields;
}
