import type { Settings } from './settings';

// A name has up to two pairs, for two `ssl_certificate` lines of nginx: one in its first slot, one in its RSA slot. Each is
// a record of its own. The first slot's key is the name itself. The RSA slot's is no name and no wildcard, and begins with
// the character that no client gets past the hot path.

const RSA_PREFIX = '*rsa:';

// A pair that a scan found is held once, under a key of its file. Each of the certificate's names has a pointer to it in its
// slot. Such a key begins with that character, too.
const FILE_PREFIX = '*file:';

/** The key of a name's RSA slot, in the zones and of the locks. */
export function rsaKey(name: string): string {
  return RSA_PREFIX + name;
}

export function isRsaKey(key: string): boolean {
  return key.startsWith(RSA_PREFIX);
}

/**
 * The key of a file of `$cert_scan`.
 *
 * @param label what `*` stands for in its path
 */
export function fileKey(stem: string): string {
  return FILE_PREFIX + stem;
}

export function isFileKey(key: string): boolean {
  return key.startsWith(FILE_PREFIX);
}

/** The name whose key this is, whatever the slot; of a file's key the label. */
export function nameOf(key: string): string {
  if (isFileKey(key)) return key.slice(FILE_PREFIX.length);
  return isRsaKey(key) ? key.slice(RSA_PREFIX.length) : key;
}

/**
 * The keys of a name's slots, in the order in which a handler looks into them: a name that has only one kind of pair is
 * served that one by the handlers of both.
 *
 * @param isForRsa for the handlers of the RSA slot
 */
export function slotKeys(name: string, hasRsaSlot: boolean, isForRsa: boolean): string[] {
  if (!hasRsaSlot) return [name];
  return isForRsa ? [rsaKey(name), name] : [name, rsaKey(name)];
}

/** The keys of all slots that a name has. */
export function slotsOf(settings: Settings, name: string): string[] {
  return slotKeys(name, settings.certFileRsa !== '', false);
}
