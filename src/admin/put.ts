import { covers, isExpired } from '../certificate';
import { count } from '../counters';
import { filesOf, identify, isPerName } from '../disk';
import type { Lookup } from '../load';
import { type Pair, proveKey, readPair, servedPem } from '../pair';
import { type Swap, swapIn } from '../persist';
import { type Block, encode, readBlocks } from '../pem';
import { readPrivateKey, withPoint } from '../private_key';
import { type Facts, factsOf, makeRecord } from '../record';
import { refuse } from '../refusal';
import { normaliseWithWildcard } from '../server_name';
import { type Zone, clearToken, find, forgetMissing, put, remove } from '../store';
import { readBody } from './body';
import { entryOf } from './entry';
import { handle } from './handle';
import { findHeld, tagOf } from './held';
import { withLocks } from './locked';
import { nameInPath } from './name';
import { entityTag, expectPrecondition } from './precondition';
import { NO_ROOM, answerJson } from './problem';

/**
 * `PUT` or `POST /certs/NAME`: puts a pair in place for a name, or, without NAME, for every DNS name of its leaf.
 *
 * 1. Everything that can be wrong with the pair is checked, its key by using it: see `readPair` and `proveKey`.
 * 2. With `$cert_persist on` it is written to the files of each name.
 * 3. It is stored for each name. From then on every worker serves it.
 *
 * Whatever fails, all names keep what they had. Answers 201 where a name is new, else 200, with the certificate's
 * description and its entity tag; without NAME the first name's, and all in `names`.
 */
export async function put_cert(r: NginxHTTPRequest): Promise<void> {
  await handle(r, ['PUT', 'POST'], async (lookup) => {
    const zone = lookup.zone || refuse('zone-full', 'There is no js_shared_dict_zone to hold it.');
    const asked = nameInPath(r);
    const sent = readBody(r);
    const pair = readPair(sent.pem, sent.keyPem);
    const names = asked ? [asked] : namesOf(pair);
    expectServable(lookup, pair, names);
    const proven = await proved(lookup, pair);
    const { isNew, record } = await withLocks(zone, names, () => {
      const held = names.map((name) => findHeld(zone, name));
      names.forEach((name, i) => {
        expectPrecondition(r, name, tagOf(held[i] ?? null));
      });
      const records = replace(lookup, zone, names, proven);
      return { isNew: held.indexOf(null) >= 0, record: records[0] as string };
    });
    count(zone, 'puts_total', `result="${isNew ? 'created' : 'replaced'}"`);
    const until = new Date(pair.leaf.notAfter * 1000).toISOString();
    r.log(`cert_rotation: ${names.join(', ')}: put by ${r.remoteAddress}, valid until ${until}`);
    const entry = entryOf(names[0] as string, record, factsOf(record) as Facts);
    r.headersOut['ETag'] = entityTag(entry.fingerprint_sha256);
    answerJson(r, isNew ? 201 : 200, asked ? entry : Object.assign({ names }, entry));
  });
}

/** The server names among the DNS names of the leaf, each once. */
function namesOf(pair: Pair): string[] {
  const names = pair.leaf.names
    .map(normaliseWithWildcard)
    .filter((name, i, all) => name && all.indexOf(name) === i);
  if (names.length === 0) refuse('name-not-covered', 'The certificate is for no DNS name.');
  return names;
}

function expectServable(lookup: Lookup, pair: Pair, names: string[]): void {
  const { settings } = lookup;
  names.forEach((name) => {
    if (name !== lookup.fallback && !covers(pair.leaf, name)) {
      refuse('name-not-covered', `The certificate is not for ${name}.`);
    }
  });
  if (isExpired(pair.leaf, Date.now() / 1000)) {
    const since = new Date(pair.leaf.notAfter * 1000).toISOString();
    refuse('expired', `The certificate has expired at ${since}.`);
  }
  if (settings.isPersistent && !(isPerName(settings.certFile) && isPerName(settings.keyFile))) {
    refuse('persist-failed', '$cert_file and $cert_key_file have no {name}: one file is for all.');
  }
}

/** The pair, with its key proven and in a form in which its files prove themselves the next time. */
async function proved(lookup: Lookup, pair: Pair): Promise<Pair> {
  await proveKey(pair);
  // What was attached to a PKCS#8 key is not written with it.
  if (readPrivateKey(readBlocks(pair.key)[0] as Block).value !== '') return pair;
  const { curve } = pair.privateKey;
  if (curve !== null) {
    const privateKey = withPoint(pair.privateKey, curve, pair.leaf.publicKey.value);
    const key = encode(privateKey.label, privateKey.der);
    return Object.assign({}, pair, { privateKey, key });
  }
  if (!lookup.settings.isPersistent) return pair;
  return refuse(
    'unsupported-key',
    `With $cert_persist on use ECDSA or RSA: the file of an ${pair.privateKey.kind} key cannot be compared with its certificate.`,
  );
}

/**
 * Writes and stores a pair under names that are locked.
 *
 * @returns the records, in the order of the names
 * @throws zone-full, persist-failed: every name has what it had
 */
function replace(lookup: Lookup, zone: Zone, names: string[], pair: Pair): string[] {
  const { settings, misses } = lookup;
  const swaps: Swap[] = [];
  const records: string[] = [];
  const undone: (() => void)[] = [];
  try {
    if (settings.isPersistent) {
      names.forEach((name) => swaps.push(swapIn(filesOf(settings, name), pair)));
    }
    names.forEach((name) => {
      const before = find(zone, name);
      const record = recordOf(lookup, zone, name, pair);
      if (!put(zone, name, record)) refuse('zone-full', NO_ROOM);
      records.push(record);
      undone.push(() => {
        if (before === undefined) remove(zone, name);
        else put(zone, name, before);
      });
    });
  } catch (e) {
    undone.forEach((undo) => {
      undo();
    });
    swaps.forEach((swap) => {
      swap.undo();
    });
    throw e;
  }
  swaps.forEach((swap) => {
    swap.commit();
  });
  if (misses)
    names.forEach((name) => {
      forgetMissing(misses, name);
    });
  return records;
}

function recordOf({ settings }: Lookup, zone: Zone, name: string, pair: Pair): string {
  const facts: Facts = {
    source: 'api',
    // It wins over these until they change.
    files: identify(filesOf(settings, name)),
    notAfter: pair.leaf.notAfter,
    loadedAt: Date.now(),
  };
  return makeRecord(clearToken(zone), facts, servedPem(pair));
}
