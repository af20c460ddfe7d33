import type { Settings } from './settings';

// The keys of slots, in the zones, in etcd and for locks. A name has up to two pairs, for two `ssl_certificate` lines of nginx: one
// in its first slot, one in its RSA slot. Each slot has a record of its own. The key of the first slot is the name itself, or the
// wildcard. The other keys begin with `*`, and the hot path refuses a name that does, so that no client can ask for them.

/** What comes before the name in the key of its RSA slot; the hot path has it from here. */
export const RSA_PREFIX = '*rsa:';

/** A scanned pair is stored once, under the key of its file. Each of the certificate's names has a pointer to it in its slot. */
const FILE_PREFIX = '*file:';

/** The key of a name's RSA slot. */
export function rsaKey(name: string): string {
  return RSA_PREFIX + name;
}

/** Whether a key is that of an RSA slot. */
export function isRsaKey(key: string): boolean {
  return key.startsWith(RSA_PREFIX);
}

/**
 * The key of a scanned file.
 *
 * @param stem the text that `*` stands for in the file's path
 */
export function fileKey(stem: string): string {
  return FILE_PREFIX + stem;
}

/** Whether a key is that of a scanned file. */
export function isFileKey(key: string): boolean {
  return key.startsWith(FILE_PREFIX);
}

/** The name in the key of either slot, or the stem in the key of a file. */
export function nameOf(key: string): string {
  if (isFileKey(key)) return key.slice(FILE_PREFIX.length);
  return isRsaKey(key) ? key.slice(RSA_PREFIX.length) : key;
}

/**
 * The keys of a name's slots in the order in which a handler of `js_set` reads them. A name with one pair is served that pair by the
 * handlers of both slots.
 *
 * @param isForRsa whether the handler is that of the RSA slot
 */
export function slotKeys(name: string, hasRsaSlot: boolean, isForRsa: boolean): string[] {
  if (!hasRsaSlot) return [name];
  return isForRsa ? [rsaKey(name), name] : [name, rsaKey(name)];
}

/** The keys of a name's slots, the first slot first. */
export function slotsOf(settings: Settings, name: string): string[] {
  return slotKeys(name, settings.certFileRsa !== '', false);
}
