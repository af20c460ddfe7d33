import { covers, isExpired } from '../certificate';
import { count } from '../counters';
import { filesOf, identify, isPerName, templatesOf } from '../disk';
import { type Lookup, load } from '../load';
import { type Pair, isRsa, proveKey, readPair, servedPem } from '../pair';
import { swapIn, together } from '../persist';
import { type Block, encode, readBlocks } from '../pem';
import { readPrivateKey, withPoint } from '../private_key';
import { type Facts, factsOf, makeRecord } from '../record';
import { refuse } from '../refusal';
import { serverNamesOf } from '../server_names';
import type { Settings } from '../settings';
import { isRsaKey, rsaKey, slotsOf } from '../slot';
import { type Zone, clearToken, find, forgetMissing, put, remove } from '../store';
import { readBody } from './body';
import { entryOf, holdsRsa } from './entry';
import { handle } from './handle';
import { type Held, findHeld, tagOf } from './held';
import { withLocks } from './locked';
import { nameInPath } from './name';
import { entityTag, expectPrecondition } from './precondition';
import { NO_ROOM, answerJson } from './problem';

/**
 * `PUT` or `POST /certs/NAME`: puts a pair in place for a name, or, without NAME, for every DNS name of its leaf.
 *
 * 1. Everything that can be wrong with the pair is checked, its key by using it: see `readPair` and `proveKey`.
 * 2. The slot is chosen by its kind: where there is an RSA slot, an RSA pair goes there. What the first slot holds of that
 *    kind is replaced, too: it could be served in the place of the new one.
 * 3. With `$cert_persist on` it is written to the files of each of these slots.
 * 4. It is stored in them. From then on every worker serves it.
 *
 * Whatever fails, all names keep what they had. Answers 201 where a name is new, else 200, with the certificate's
 * description and its entity tag; without NAME the first name's, and all in `names`.
 */
export async function put_cert(r: NginxHTTPRequest): Promise<void> {
  await handle(r, ['PUT', 'POST'], async (lookup) => {
    const { settings } = lookup;
    const zone = lookup.zone || refuse('zone-full', 'There is no js_shared_dict_zone to hold it.');
    const asked = nameInPath(r);
    const sent = readBody(r);
    const pair = readPair(sent.pem, sent.keyPem);
    const names = asked ? [asked] : namesOf(pair);
    expectServable(lookup, pair, names);
    const proven = await proved(lookup, pair);
    const goesToRsa = settings.certFileRsa !== '' && isRsa(pair);
    if (goesToRsa) {
      // What the first slot would hold after its next handshake is replaced as well.
      names.forEach((name) => load(lookup, name));
    }
    const slots = flat(names.map((name) => slotsOf(settings, name)));
    const { isNew, record } = await withLocks(zone, slots, () => {
      const targets = names.map((name) => (goesToRsa ? rsaTargets(zone, name) : [name]));
      const replaced = targets.map((own) => findFirst(zone, own));
      names.forEach((name, i) => {
        expectPrecondition(r, name, () => tagOf(replaced[i]));
      });
      const records = replace(lookup, zone, flat(targets), proven);
      return { isNew: replaced.indexOf(null) >= 0, record: records[0] as string };
    });
    count(zone, 'puts_total', `result="${isNew ? 'created' : 'replaced'}"`);
    const until = new Date(pair.leaf.notAfter * 1000).toISOString();
    r.log(`cert_rotation: ${names.join(', ')}: put by ${r.remoteAddress}, valid until ${until}`);
    const entry = entryOf(names[0] as string, record, factsOf(record) as Facts, pair.leaf);
    r.headersOut['ETag'] = entityTag(entry.fingerprint_sha256);
    answerJson(r, isNew ? 201 : 200, asked ? entry : Object.assign({ names }, entry));
  });
}

function namesOf(pair: Pair): string[] {
  const names = serverNamesOf(pair.leaf);
  if (names.length === 0) refuse('name-not-covered', 'The certificate is for no DNS name.');
  return names;
}

/** The slots that an RSA pair takes: its own, and the first one where that holds one of the kind. */
function rsaTargets(zone: Zone, name: string): string[] {
  const first = findHeld(zone, name);
  return first && holdsRsa(first.record) ? [rsaKey(name), name] : [rsaKey(name)];
}

/** The pair that one of some slots holds, the first one first. */
function findFirst(zone: Zone, slots: string[]): Held | null {
  return slots.reduce<Held | null>((held, slot) => held || findHeld(zone, slot), null);
}

function flat(lists: string[][]): string[] {
  return lists.reduce((all, list) => all.concat(list), []);
}

function expectServable(lookup: Lookup, pair: Pair, names: string[]): void {
  names.forEach((name) => {
    if (name !== lookup.fallback && !covers(pair.leaf, name)) {
      refuse('name-not-covered', `The certificate is not for ${name}.`);
    }
  });
  if (isExpired(pair.leaf, Date.now() / 1000)) {
    const since = new Date(pair.leaf.notAfter * 1000).toISOString();
    refuse('expired', `The certificate has expired at ${since}.`);
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
 * Writes and stores a pair in slots that are locked.
 *
 * @returns the records, in the order of the slots
 * @throws zone-full, persist-failed: every slot has what it had
 */
function replace(lookup: Lookup, zone: Zone, slots: string[], pair: Pair): string[] {
  const { settings, misses } = lookup;
  const persisted = settings.isPersistent ? slots : [];
  persisted.forEach((slot) => {
    expectFilesOfItsOwn(settings, slot);
  });
  const swap = together(persisted.map((slot) => () => swapIn(filesOf(settings, slot), pair)));
  const records: string[] = [];
  const undone: (() => void)[] = [];
  try {
    slots.forEach((slot) => {
      const before = find(zone, slot);
      const record = recordOf(lookup, zone, slot, pair);
      if (!put(zone, slot, record)) refuse('zone-full', NO_ROOM);
      records.push(record);
      undone.push(() => {
        if (before === undefined) remove(zone, slot);
        else put(zone, slot, before);
      });
    });
  } catch (e) {
    undone.forEach((undo) => {
      undo();
    });
    swap.undo();
    throw e;
  }
  swap.commit();
  if (misses)
    slots.forEach((slot) => {
      forgetMissing(misses, slot);
    });
  return records;
}

function expectFilesOfItsOwn(settings: Settings, slot: string): void {
  const { cert, key } = templatesOf(settings, slot);
  if (isPerName(cert) && isPerName(key)) return;
  const suffix = isRsaKey(slot) ? '_rsa' : '';
  refuse(
    'persist-failed',
    `$cert_file${suffix} and $cert_key_file${suffix} have no {name}: one file is for all.`,
  );
}

function recordOf({ settings }: Lookup, zone: Zone, slot: string, pair: Pair): string {
  const facts: Facts = {
    source: 'api',
    // It wins over these until they change.
    files: identify(filesOf(settings, slot)),
    notAfter: pair.leaf.notAfter,
    loadedAt: Date.now(),
  };
  return makeRecord(clearToken(zone), facts, servedPem(pair));
}
