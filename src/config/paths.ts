import type { Settings } from './settings';
import { fileKey, isFileKey, isRsaKey, nameOf } from './slot';

// The only file that touches fs.

/** Where the chain and the key of a slot are. The same path twice is one file that holds both. */
export interface Files {
  cert: string;
  key: string;
}

/** @param slot its key */
export function slotPaths(settings: Settings, slot: string): Files {
  const stem = stemOf(settings, slot);
  const { cert, key } = templatesOf(settings, slot);
  return { cert: fill(cert, stem), key: fill(key, stem) };
}

/** What stands for a slot's name in its paths. */
function stemOf(settings: Settings, slot: string): string {
  const name = nameOf(slot);
  const isWildcard = name.charAt(0) === '*' && !isFileKey(slot);
  return isWildcard ? settings.wildcardLabel + name.slice(1) : name;
}

/**
 * The file of `$cert_scan` that is a slot's own as well.
 *
 * @returns its key; '' where files for names are elsewhere
 */
export function scannedFileOf(settings: Settings, slot: string): string {
  if (!settings.scan) return '';
  const key = fileKey(stemOf(settings, slot));
  const own = templatesOf(settings, slot);
  const scanned = templatesOf(settings, key);
  return own.cert === scanned.cert && own.key === scanned.key ? key : '';
}

/** The path templates of a slot. */
export function templatesOf(settings: Settings, slot: string): Files {
  if (isFileKey(slot)) {
    return { cert: settings.scan.replace('*', '{name}'), key: settings.keyFile };
  }
  return isRsaKey(slot)
    ? { cert: settings.certFileRsa, key: settings.keyFileRsa }
    : { cert: settings.certFile, key: settings.keyFile };
}

/** Whether a template has a file for each name, and not one for all. */
export function isPerName(template: string): boolean {
  return template.indexOf('{name}') >= 0;
}

function fill(template: string, stem: string): string {
  return template.split('{name}').join(stem);
}
