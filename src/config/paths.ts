import type { Settings } from './settings';
import { fileKey, isFileKey, isRsaKey, nameOf } from './slot';

// The paths of a slot's files, which its templates and its name make. disk/ reads and writes the files.

/** The paths of a slot's chain and key. They are equal where one file has both. */
export interface Files {
  cert: string;
  key: string;
}

/**
 * The paths of a slot's files.
 *
 * @param slot the slot's key
 */
export function slotPaths(settings: Settings, slot: string): Files {
  const stem = stemOf(settings, slot);
  const { cert, key } = templatesOf(settings, slot);
  return { cert: fill(cert, stem), key: fill(key, stem) };
}

/** The text that replaces `{name}` in a slot's templates. */
function stemOf(settings: Settings, slot: string): string {
  const name = nameOf(slot);
  const isWildcard = name.charAt(0) === '*' && !isFileKey(slot);
  return isWildcard ? settings.wildcardLabel + name.slice(1) : name;
}

/**
 * Finds the scanned file that has the same paths as a slot. There is one where the templates of names and of `$cert_scan` agree.
 *
 * @returns the key of the scanned file; '' where the paths differ, or nothing is scanned
 */
export function scannedFileOf(settings: Settings, slot: string): string {
  if (!settings.scan) return '';
  const key = fileKey(stemOf(settings, slot));
  const own = templatesOf(settings, slot);
  const scanned = templatesOf(settings, key);
  return own.cert === scanned.cert && own.key === scanned.key ? key : '';
}

/** The path templates of a slot, with `{name}` for the text that `slotPaths` puts in. */
export function templatesOf(settings: Settings, slot: string): Files {
  if (isFileKey(slot)) {
    return { cert: settings.scan.replace('*', '{name}'), key: settings.keyFile };
  }
  return isRsaKey(slot)
    ? { cert: settings.certFileRsa, key: settings.keyFileRsa }
    : { cert: settings.certFile, key: settings.keyFile };
}

/** Whether a template has a path for each name, instead of one for all names. */
export function isPerName(template: string): boolean {
  return template.indexOf('{name}') >= 0;
}

function fill(template: string, stem: string): string {
  return template.split('{name}').join(stem);
}
