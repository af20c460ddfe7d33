import { covers, isExpired } from './certificate';
import { filesOf, identify, isPerName, templatesOf } from './disk';
import type { Lookup } from './load';
import { type Pair, proveKey, servedPem } from './pair';
import { recover, swapIn, takeOut, together } from './persist';
import { type Block, encode, readBlocks } from './pem';
import { readPrivateKey, withPoint } from './private_key';
import { type Facts, makeRecord } from './record';
import { refuse } from './refusal';
import type { Settings } from './settings';
import { isRsaKey } from './slot';
import { type Zone, clearToken, find, forgetMissing, put, remove } from './store';

// What has to hold of a pair that somebody puts in place, by a request or through etcd, and how it comes there.

/** The reason of `zone-full` where there was no room for a change. */
export const NO_ROOM = 'Nothing was changed. Give js_shared_dict_zone a larger size.';

/** @throws name-not-covered, expired */
export function expectServable(lookup: Lookup, pair: Pair, names: string[]): void {
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
export async function proved(lookup: Lookup, pair: Pair): Promise<Pair> {
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
 * @param etcd of what `versionOf` makes, where it comes from there; '' where it does not
 * @returns the records, in the order of the slots
 * @throws zone-full, persist-failed: every slot has what it had
 */
export function replace(
  lookup: Lookup,
  zone: Zone,
  slots: string[],
  pair: Pair,
  etcd: string,
): string[] {
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
      const record = recordOf(lookup, zone, slot, pair, etcd);
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

/** The record of a pair that was put into a slot now. */
export function recordOf(
  { settings }: Lookup,
  zone: Zone,
  slot: string,
  pair: Pair,
  etcd: string,
): string {
  const facts: Facts = {
    source: etcd ? 'etcd' : 'api',
    // It wins over these until they change.
    files: identify(filesOf(settings, slot)),
    notAfter: pair.leaf.notAfter,
    loadedAt: Date.now(),
  };
  if (etcd) facts.etcd = etcd;
  return makeRecord(clearToken(zone), facts, servedPem(pair));
}

/**
 * Drops what is held in slots that are locked.
 *
 * @param persisted those of them, or others of the name, whose files go too
 * @throws persist-failed: everything is as it was
 */
export function drop(settings: Settings, zone: Zone, slots: string[], persisted: string[]): void {
  const files = persisted.map((slot) => filesOf(settings, slot));
  files.forEach(recover);
  together(files.map((one) => () => takeOut(one))).commit();
  slots.forEach((slot) => {
    remove(zone, slot);
  });
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
