import type { Variables } from '../engine/session';

// The settings, which are nginx variables. An empty variable counts as absent: `js_var` without a value makes one, and so does a
// `set` in a phase that handshakes do not reach.

/** The settings that the hot path does not need. */
export interface Settings {
  /** The template of a chain's path, in which `{name}` stands for the name. */
  certFile: string;
  /** The template of a key's path. */
  keyFile: string;
  /** The template of a chain's path in the RSA slot; empty where there is no such slot. */
  certFileRsa: string;
  /** The template of a key's path in the RSA slot. */
  keyFileRsa: string;
  /** The label that stands for `*` in the paths of a wildcard. */
  wildcardLabel: string;
  /** The path of the files to scan, with one `*`; empty where nothing is scanned. */
  scan: string;
  /** As `fallback` returns it. */
  fallback: string;
  /** The folder of the store; empty where there is none. */
  store: string;
  /** Whether etcd is followed, whose pairs win over files. */
  followsEtcd: boolean;
}

const DEFAULT_CHECK_INTERVAL_S = 10;

/** The name of the zone that has the records. */
export function zoneName(variables: Variables): string {
  return variables['cert_zone'] || 'certs';
}

/**
 * How long a record is served before its files are checked again.
 *
 * @returns milliseconds; 0 where only a clear has them checked
 */
export function checkInterval(variables: Variables): number {
  const text = variables['cert_check_interval'];
  const seconds = text ? +text : DEFAULT_CHECK_INTERVAL_S;
  return (seconds >= 0 ? seconds : DEFAULT_CHECK_INTERVAL_S) * 1000;
}

/** With a store, another nginx may have put something into it: it is looked at after this many milliseconds at the latest. */
export const LONGEST_FRESH_MS = 20_000;

/**
 * How long the answers in the zone are good.
 *
 * @returns milliseconds; 0: until a clear
 */
export function freshFor(variables: Variables): number {
  const interval = checkInterval(variables);
  if (!variables['cert_store']) return interval;
  return interval === 0 ? LONGEST_FRESH_MS : Math.min(interval, LONGEST_FRESH_MS);
}

/** The name that is served without SNI, as it is written in the configuration; empty where there is none. */
export function fallback(variables: Variables): string {
  return variables['cert_fallback'] || '';
}

/** Whether names have an RSA slot. */
export function hasRsaSlot(variables: Variables): boolean {
  return !!variables['cert_file_rsa'];
}

/** Reads the settings, with their defaults. */
export function readSettings(variables: Variables): Settings {
  return {
    certFile: variables['cert_file'] || '/etc/nginx/certs/{name}.cert.pem',
    keyFile: variables['cert_key_file'] || '/etc/nginx/certs/{name}.key.pem',
    certFileRsa: variables['cert_file_rsa'] || '',
    keyFileRsa: variables['cert_key_file_rsa'] || '/etc/nginx/certs/{name}.rsa.key.pem',
    wildcardLabel: variables['cert_wildcard_label'] || '_',
    scan: variables['cert_scan'] || '',
    fallback: fallback(variables),
    store: variables['cert_store'] || '',
    followsEtcd: !!variables['cert_etcd'],
  };
}

/** Whether the HTTP handlers answer clients that are neither local nor authenticated. */
export function isAdminRemote(variables: Variables): boolean {
  return variables['cert_admin_remote'] === 'on';
}
