import { isPerName, slotPaths, templatesOf } from '../config/paths';
import type { Settings } from '../config/settings';
import { isRsaKey } from '../config/slot';
import { recover, swapIn, takeOut, together } from '../disk/persist';
import { stampOf } from '../disk/stamp';
import { refuse } from '../engine/refusal';
import { covers, isExpired } from '../x509/certificate';
import { proveKey } from '../x509/key_proof';
import { type Pair, servedPem } from '../x509/pair';
import { type Block, encodeBlock, readBlocks } from '../x509/pem';
import { readPrivateKey, withPoint } from '../x509/private_key';
import { clearToken } from '../zone/clear_token';
import type { Zone } from '../zone/dict';
import { forgetMissing } from '../zone/misses';
import { type RecordMeta, makeRecord } from '../zone/record';
import { findRecord, putRecord, removeRecord } from '../zone/slots';
import type { Context } from './context';

// What has to hold of a pair that somebody puts in place, by a request or through etcd, and how it comes there.

/** The reason of `zone-full` where there was no room for a change. */
export const NO_ROOM = 'Nothing was changed. Give js_shared_dict_zone a larger size.';

/** @throws name-not-covered, expired */
export function expectServable(context: Context, pair: Pair, names: string[]): void {
  names.forEach((name) => {
    if (name !== context.fallback && !covers(pair.leaf, name)) {
      refuse('name-not-covered', `The certificate is not for ${name}.`);
    }
  });
  if (isExpired(pair.leaf, Date.now() / 1000)) {
    const since = new Date(pair.leaf.notAfter * 1000).toISOString();
    refuse('expired', `The certificate has expired at ${since}.`);
  }
}

/** The pair, with its key proven and in a form in which its files prove themselves the next time. */
export async function provePair(context: Context, pair: Pair): Promise<Pair> {
  await proveKey(pair);
  // What was attached to a PKCS#8 key is not written with it.
  if (readPrivateKey(readBlocks(pair.key)[0] as Block).value !== '') return pair;
  const { curve } = pair.privateKey;
  if (curve !== null) {
    const privateKey = withPoint(pair.privateKey, curve, pair.leaf.publicKey.value);
    const key = encodeBlock(privateKey.label, privateKey.der);
    return Object.assign({}, pair, { privateKey, key });
  }
  if (!context.settings.isPersistent) return pair;
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
export function installPair(
  context: Context,
  zone: Zone,
  slots: string[],
  pair: Pair,
  etcd: string,
): string[] {
  const { settings, misses } = context;
  const persisted = settings.isPersistent ? slots : [];
  persisted.forEach((slot) => {
    expectFilesOfItsOwn(settings, slot);
  });
  const swap = together(persisted.map((slot) => () => swapIn(slotPaths(settings, slot), pair)));
  const records: string[] = [];
  const undone: (() => void)[] = [];
  try {
    slots.forEach((slot) => {
      const before = findRecord(zone, slot);
      const record = recordOf(context, zone, slot, pair, etcd);
      if (!putRecord(zone, slot, record)) refuse('zone-full', NO_ROOM);
      records.push(record);
      undone.push(() => {
        if (before === undefined) removeRecord(zone, slot);
        else putRecord(zone, slot, before);
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
  { settings }: Context,
  zone: Zone,
  slot: string,
  pair: Pair,
  etcd: string,
): string {
  const meta: RecordMeta = {
    source: etcd ? 'etcd' : 'api',
    // It wins over these until they change.
    files: stampOf(slotPaths(settings, slot)),
    notAfter: pair.leaf.notAfter,
    loadedAt: Date.now(),
  };
  if (etcd) meta.etcd = etcd;
  return makeRecord(clearToken(zone), meta, servedPem(pair));
}

/**
 * Drops what is held in slots that are locked.
 *
 * @param persisted those of them, or others of the name, whose files go too
 * @throws persist-failed: everything is as it was
 */
export function removePair(
  settings: Settings,
  zone: Zone,
  slots: string[],
  persisted: string[],
): void {
  const files = persisted.map((slot) => slotPaths(settings, slot));
  files.forEach(recover);
  together(files.map((one) => () => takeOut(one))).commit();
  slots.forEach((slot) => {
    removeRecord(zone, slot);
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
