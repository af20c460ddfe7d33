import { type Settings, checkInterval, readSettings, zoneName } from '../config/settings';
import { type Caller, variablesOf } from '../engine/session';
import { normaliseWithWildcard } from '../x509/server_name';
import { FIRST_TOKEN, clearToken, reserveToken } from '../zone/clear_token';
import { type Zone, zoneNamed } from '../zone/dict';
import { missesOf } from '../zone/misses';

/** What one handshake looks names up with. */
export interface Context {
  r: Caller;
  settings: Settings;
  zone: Zone | undefined;
  misses: Zone | undefined;
  /** The clear token, read before the name is looked up. */
  token: string;
  /** Milliseconds; 0: until a clear. */
  interval: number;
  /** The normalised fallback; its pair need not cover it. */
  fallback: string;
}

/** What a request of a client, or of an operator, looks names up with. */
export function contextOf(r: Caller): Context {
  const variables = variablesOf(r);
  const settings = readSettings(variables);
  const zone = usableZone(r, zoneName(variables));
  return {
    r,
    settings,
    zone,
    // Negative answers are good for as long as the zone's token: without it nothing tells when they were cleared.
    misses: zone && missesOf(zoneName(variables)),
    token: zone ? clearToken(zone) : FIRST_TOKEN,
    interval: checkInterval(variables),
    fallback: normaliseWithWildcard(settings.fallback),
  };
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
