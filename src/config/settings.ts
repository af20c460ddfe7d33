import type { Variables } from '../engine/session';

/** The settings that only a look at the disk needs. */
export interface Settings {
  /** Path templates: `{name}` stands for the name. */
  certFile: string;
  keyFile: string;
  /** The same for the RSA slot; `certFileRsa` is empty where there is none. */
  certFileRsa: string;
  keyFileRsa: string;
  wildcardLabel: string;
  /** The path of the files to find names in, with `*` for what differs; empty: none. */
  scan: string;
  fallback: string;
  /** The folder of the versions that are served; empty: none. */
  store: string;
  /** Whether what etcd has is followed: its pairs win over files. */
  followsEtcd: boolean;
}

const DEFAULT_CHECK_INTERVAL_S = 10;

// An empty variable counts as absent: js_var without a value makes one, and so does a `set` whose phase a handshake
// never comes to.

export function zoneName(variables: Variables): string {
  return variables['cert_zone'] || 'certs';
}

/**
 * How long a record is served before its files are looked at again.
 *
 * @returns milliseconds; 0: until a clear
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

/** The name that is served without SNI, as it is written in the configuration; empty: none. */
export function fallback(variables: Variables): string {
  return variables['cert_fallback'] || '';
}

/** Whether names may have an RSA pair beside the first one. */
export function hasRsaSlot(variables: Variables): boolean {
  return !!variables['cert_file_rsa'];
}

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
