import { send } from './http.js';
import type { Site, SiteOptions } from './site.js';

const PORT = 8444;

const SCRIPT = `
  function entry(r) {
    var zone = ngx.shared.certs, key = r.args.key;
    if (r.method === 'PUT') zone.set(key, r.requestText || '');
    var value = zone.get(key);
    r.return(value === undefined ? 404 : 200, value);
  }
  function keys(r) {
    r.return(200, ngx.shared.certs.keys().join(' '));
  }
  // Gives one name two others' records in turn, as fast as it goes.
  function flicker(r) {
    var zone = ngx.shared.certs, one = zone.get('one.example'), two = zone.get('two.example');
    // As long between any two writes: whoever reads waits for a pause.
    for (var sets = 0, end = Date.now() + 50; Date.now() < end; sets++) {
      zone.set('flicker.example', sets % 2 ? one : two);
    }
    r.return(200, String(sets));
  }
  export default { entry, keys, flicker };`;

/** What a site needs for `backdoorOf`. */
export const BACKDOOR = {
  modules: { backdoor: SCRIPT },
  http: `server {
    listen ${PORT};
    client_body_buffer_size 256k;
    location = /entry   { js_content backdoor.entry; }
    location = /keys    { js_content backdoor.keys; }
    location = /flicker { js_content backdoor.flicker; }
  }`,
} satisfies SiteOptions;

/** Reads and writes the zone past the bundle: what a killed worker, or somebody else's code, may have left there. */
export interface Backdoor {
  get: (key: string) => Promise<string | undefined>;
  set: (key: string, value: string) => Promise<void>;
  /** The names whose locks are in the zone. */
  locks: () => Promise<string[]>;
  /**
   * One worker gives flicker.example the records of one.example and two.example in turn for 50 ms.
   *
   * @returns how often it wrote
   */
  flicker: () => Promise<number>;
}

export function backdoorOf(site: Site): Backdoor {
  async function ask(path: string, body?: string): Promise<string | undefined> {
    const target = site.nginx.address(PORT);
    const answer = await send(target, path, body === undefined ? {} : { method: 'PUT', body });
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${answer.body}`);
    return answer.body;
  }
  const entry = (key: string): string => `/entry?key=${encodeURIComponent(key)}`;
  return {
    get: (key) => ask(entry(key)),
    set: async (key, value) => {
      await ask(entry(key), value);
    },
    locks: async () => {
      const keys = (await ask('/keys'))?.split(' ') ?? [];
      return keys.filter((key) => key.startsWith('#lock:')).map((key) => key.slice(6));
    },
    flicker: async () => Number(await ask('/flicker')),
  };
}
