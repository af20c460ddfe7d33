import { expectAcceptable } from '../certs/accept';
import type { Context } from '../certs/context';
import { type Held, findHeld, fingerprintOfHeld } from '../certs/held';
import { installPair, provePair } from '../certs/install';
import { holdsRsa } from '../certs/pem_of_record';
import { refreshSlot } from '../certs/refresh';
import { rsaKey, slotsOf } from '../config/slot';
import { refuse } from '../engine/refusal';
import { variablesOf } from '../engine/session';
import { etcdOf } from '../etcd/client';
import { type Written, putThrough } from '../etcd/write_through';
import { type Pair, isRsa, readPair } from '../x509/pair';
import { serverNamesOf } from '../x509/server_name';
import { count } from '../zone/counters';
import type { Zone } from '../zone/dict';
import { withLocks } from '../zone/locks';
import type { RecordMeta } from '../zone/meta';
import { readMeta } from '../zone/record';
import { readBody } from './body';
import { entryOf } from './entry';
import { conditionsOf, entityTag } from './preconditions';
import { handle, nameInPath } from './request';
import { answerJson } from './response';

/**
 * `PUT` or `POST /certs/NAME`: installs a pair for a name, or, without NAME, for every DNS name of its leaf.
 *
 * 1. The pair passes all checks; its key is proven by using it: see `readPair` and `proveKey`.
 * 2. The slot is chosen by the kind of the key: an RSA pair goes to the RSA slot, where there is one. It also replaces an RSA pair
 *    in the first slot, which could otherwise be served instead of the new one.
 * 3. The pair is written to the store, where there is one, and then to the zone. From then on every worker serves it.
 *
 * With `$cert_etcd` the pair is written to etcd before step 3: see write_through.ts.
 *
 * Whatever fails, all names keep the pairs that they had. Answers 201 where one of the names is new, otherwise 200, with the
 * certificate's description and its entity tag. Without NAME the description is that of the first name, and `names` lists all.
 */
export async function put_cert(r: NginxHTTPRequest): Promise<void> {
  await handle(r, ['PUT', 'POST'], async (context) => {
    const zone = context.zone || refuse('zone-full', 'There is no js_shared_dict_zone to hold it.');
    const asked = nameInPath(r);
    const sent = readBody(r);
    const pair = readPair(sent.pem, sent.keyPem, Date.now() / 1000);
    const names = asked ? [asked] : namesOf(pair);
    names.forEach((name) => {
      expectAcceptable(context, name, pair, { from: 'sender' });
    });
    const proven = await provePair(context, pair);
    const { isNew, record } = await replacePairs(r, context, zone, names, proven);
    count(zone, 'puts_total', `result="${isNew ? 'created' : 'replaced'}"`);
    const until = new Date(pair.leaf.notAfter * 1000).toISOString();
    r.log(`cert_rotation: ${names.join(', ')}: put by ${r.remoteAddress}, valid until ${until}`);
    const entry = entryOf(names[0] as string, record, readMeta(record) as RecordMeta, pair.leaf);
    r.headersOut['ETag'] = entityTag(entry.fingerprint_sha256);
    answerJson(r, isNew ? 201 : 200, asked ? entry : Object.assign({ names }, entry));
  });
}

/** Steps 2 and 3 of `put_cert`, if the request's conditions hold. */
async function replacePairs(
  r: NginxHTTPRequest,
  context: Context,
  zone: Zone,
  names: string[],
  pair: Pair,
): Promise<Written> {
  const { settings } = context;
  const goesToRsa = settings.certFileRsa !== '' && isRsa(pair);
  if (goesToRsa) {
    // The refresh reads a changed file into the first slot now, so that this put replaces its pair as well.
    names.forEach((name) => refreshSlot(context, name));
  }
  const conditions = conditionsOf(r);
  const targetsNow = (): string[][] =>
    names.map((name) => (goesToRsa ? rsaTargets(context, name) : [name]));
  const etcd = etcdOf(variablesOf(r), zone);
  if (etcd) return putThrough(context, conditions, etcd, names, targetsNow(), pair);
  return withLocks(zone, flat(names.map((name) => slotsOf(settings, name))), () => {
    const targets = targetsNow();
    const replaced = targets.map((own) => findFirst(context, own));
    names.forEach((name, i) => {
      if (conditions.isConditional) conditions.check(name, fingerprintOfHeld(replaced[i]));
    });
    const records = installPair(context, zone, flat(targets), pair, '');
    return { isNew: replaced.indexOf(null) >= 0, record: records[0] as string };
  });
}

function namesOf(pair: Pair): string[] {
  const names = serverNamesOf(pair.leaf);
  if (names.length === 0) refuse('name-not-covered', 'The certificate is for no DNS name.');
  return names;
}

/** The slots that an RSA pair is written to: the RSA slot, and the first slot where that holds an RSA pair. */
function rsaTargets(context: Context, name: string): string[] {
  const first = findHeld(context, name);
  return first && holdsRsa(first.record) ? [rsaKey(name), name] : [rsaKey(name)];
}

/** The pair of the first slot that holds one; null where none does. */
function findFirst(context: Context, slots: string[]): Held | null {
  return slots.reduce<Held | null>((held, slot) => held || findHeld(context, slot), null);
}

function flat(lists: string[][]): string[] {
  return lists.reduce((all, list) => all.concat(list), []);
}
