import { type Settings, checkInterval, freshFor, readSettings, zoneName } from '../config/settings';
import { readClearToken } from '../disk/entries';
import { type Store, openStore } from '../disk/store';
import { type Caller, variablesOf } from '../engine/session';
import { normaliseWithWildcard } from '../x509/server_name';
import { FIRST_TOKEN, adoptToken, clearToken, reserveToken } from '../zone/clear_token';
import { type Zone, zoneNamed } from '../zone/dict';
import { missesOf } from '../zone/misses';
import { isNewToSay } from '../zone/notes';

/** What a handshake or a request works with: read once, before a name is looked up. */
export interface Context {
  r: Caller;
  settings: Settings;
  zone: Zone | undefined;
  misses: Zone | undefined;
  /** The store; undefined where none is set, or the one that is set is none. */
  store: Store | undefined;
  /** The zone's clear token. */
  token: string;
  /** The store's clear token, read after the zone's. */
  storeToken: string;
  /** For how long what is in the zone is fresh, in milliseconds; 0: until a clear. */
  interval: number;
  /** After what time files are looked at again, in milliseconds; 0: only after a clear. */
  filesInterval: number;
  /** The normalised fallback; its pair need not cover it. */
  fallback: string;
}

/** The context of a client's or an operator's request, or of a call of `js_periodic`. */
export function contextOf(r: Caller): Context {
  const variables = variablesOf(r);
  const settings = readSettings(variables);
  const name = zoneName(variables);
  const zone = usableZone(r, name);
  const store = usableStore(r, zone, settings.store);
  if (variables['cert_persist']) sayPersistIsGone(r, zone);
  const context: Context = {
    r,
    settings,
    zone,
    // Negative answers are good for as long as the zone's token: without it nothing tells when they were cleared.
    misses: zone && missesOf(name),
    store,
    token: FIRST_TOKEN,
    storeToken: FIRST_TOKEN,
    interval: freshFor(variables),
    filesInterval: checkInterval(variables),
    fallback: normaliseWithWildcard(settings.fallback),
  };
  return withTokens(context);
}

/**
 * The context with the clear tokens of now. The zone takes over the token of the store where another nginx has cleared.
 */
export function withTokens(context: Context): Context {
  const { zone, store } = context;
  let token = zone ? clearToken(zone) : FIRST_TOKEN;
  // Read after the zone's: a clear that comes in between makes what is stored stale, and not fresh.
  const storeToken = (store && readClearToken(store)) || FIRST_TOKEN;
  if (zone && store) token = adoptToken(zone, token, storeToken);
  return Object.assign({}, context, { token, storeToken });
}

/** The zone; undefined where there is none, or one that is no use: of numbers, for instance. */
function usableZone(r: Caller, name: string): Zone | undefined {
  const zone = zoneNamed(name);
  try {
    if (zone) reserveToken(zone);
    return zone;
  } catch (e) {
    r.error(`cert_rotation: the zone "${name}" cannot be used: ${(e as Error).message}`);
    return undefined;
  }
}

/** The store; undefined where none is set, or the one that is set is none: that is said once. */
function usableStore(r: Caller, zone: Zone | undefined, path: string): Store | undefined {
  if (!path) return undefined;
  let fault = '';
  let store: Store | undefined;
  try {
    store = openStore(path);
  } catch (e) {
    fault = (e as Error).message;
  }
  if (zone ? isNewToSay(zone, 'store', fault) : fault) {
    r.error(`cert_rotation: no store: ${fault}; pairs go to nginx as text`);
  }
  return store;
}

/** Says once per worker that a setting of earlier versions does nothing any more. */
function sayPersistIsGone(r: Caller, zone: Zone | undefined): void {
  const isNew = !zone || isNewToSay(zone, `persist:${ngx.worker_id}`, `${process.pid}`);
  if (isNew) {
    r.error(
      'cert_rotation: $cert_persist does nothing any more: $cert_store keeps what is put; see docs/settings.md',
    );
  }
}
