import { describe, expect, test } from 'vitest';
import { currentRuntime } from '../../setup/runtimes.js';
import { createAuthority, writePair } from '../../support/certificates.js';
import { send, type HttpResponse } from '../../support/http.js';
import { startSite } from '../../support/site.js';

const CLIENT = 'client.internal';
const OTHER = 'other.internal';
const FALLBACK = 'fallback.internal';

/** A server that takes clients over TLS and asks an upstream, with a client certificate, on port 9443. */
function proxy(variables: 'one' | 'two'): string {
  const [cert, key] = variables === 'one' ? ['$tls_pair', '$tls_pair'] : ['$tls_cert', '$tls_key'];
  const cache = currentRuntime().certificateCache ? 'proxy_ssl_certificate_cache max=100;' : '';
  return `
  js_var $cert_name;
  js_set $any_pair certs.js_pair nocache;
  server {
    listen 127.0.0.1:9443 ssl;
    ssl_certificate data:${cert};
    ssl_certificate_key data:${key};
    ssl_client_certificate /etc/nginx/certs/root.pem;
    ssl_verify_client on;
    ssl_verify_depth 2;
    add_header X-Serial $ssl_client_serial always;
    location / { return 200 $ssl_client_serial; }
    location /missing { return 404; }
  }
  server {
    listen 8444 ssl;
    ssl_certificate data:${cert};
    ssl_certificate_key data:${key};
    proxy_ssl_certificate data:${cert};
    proxy_ssl_certificate_key data:${key};
    proxy_ssl_session_reuse off;
    ${cache}
    location = /client { set $cert_name ${CLIENT}; proxy_pass https://127.0.0.1:9443/; }
    location = /asked { set $cert_name $arg_name; proxy_pass https://127.0.0.1:9443/; }
    location = /uncovered {
      set $cert_name device.internal;
      set $cert_fallback device.internal;
      proxy_pass https://127.0.0.1:9443/;
    }
    location = /none { proxy_pass https://127.0.0.1:9443/; }
    # Asks as one, then as another.
    location = /two {
      set $cert_name ${CLIENT};
      proxy_ssl_certificate data:$any_pair;
      proxy_ssl_certificate_key data:$any_pair;
      proxy_intercept_errors on;
      error_page 404 = @other;
      proxy_pass https://127.0.0.1:9443/missing;
    }
    location @other {
      set $cert_name ${OTHER};
      set $first_serial $upstream_http_x_serial;
      proxy_ssl_certificate data:$any_pair;
      proxy_ssl_certificate_key data:$any_pair;
      add_header X-First $first_serial;
      proxy_pass https://127.0.0.1:9443;
    }
  }`;
}

describe.each(['one', 'two'] as const)(
  'a client certificate from %s variables',
  async (variables) => {
    const authority = await createAuthority();
    const site = await startSite({
      authority,
      files: { 'root.pem': authority.rootPem },
      names: ['a.example', CLIENT, OTHER, '*.w.internal', FALLBACK],
      variables,
      settings: { check_interval: '0', fallback: FALLBACK },
      http: proxy(variables),
    });
    const { serials } = site;

    /** The serial number of the certificate that the upstream was shown, and what else the answer says. */
    async function ask(path: string): Promise<HttpResponse> {
      const tls = { servername: 'a.example', ca: authority.rootPem };
      return send(site.nginx.address(8444), path, { tls });
    }

    test('is that of $cert_name, and that of the client is of the name it asks for', async () => {
      for (const again of ['read', 'held']) {
        expect((await ask('/client')).body, again).toBe(serials[CLIENT]);
        const address = site.nginx.address(8444);
        expect(await site.serial('a.example', address), again).toBe(serials['a.example']);
        expect(await site.serial(undefined, address), again).toBe(serials[FALLBACK]);
      }
    });

    test('is another one for the next request after a clear', async () => {
      expect((await ask('/client')).body).toBe(serials[CLIENT]);
      const { serial } = await site.renew(CLIENT);
      await site.clear(CLIENT);
      expect((await ask('/client')).body).toBe(serial);
      const { serial: last } = await site.renew(CLIENT);
      await site.clear();
      expect((await ask('/client')).body).toBe(last);
    });

    test("is the wildcard's, or that of $cert_fallback, as for a client", async () => {
      expect((await ask('/asked?name=x.w.internal')).body).toBe(serials['*.w.internal']);
      for (const name of [
        'unknown.internal',
        '../certs/other.internal',
        '*.w.internal',
        '%23clear',
      ]) {
        expect((await ask(`/asked?name=${name}`)).body, name).toBe(serials[FALLBACK]);
      }
    });

    test('without $cert_name is that of the name that the client has asked for', async () => {
      expect((await ask('/none')).body).toBe(serials['a.example']);
      expect((await ask('/asked')).body).toBe(serials['a.example']);
    });

    test('need not be for a name that is the fallback as well', async () => {
      const pair = await authority.issue({ names: ['something.else'] });
      await writePair(site.nginx.certsDirectory, 'device.internal', pair);
      expect((await ask('/uncovered')).body).toBe(pair.serial);
    });

    test('is that of each name where a request asks under two', async () => {
      const { body, headers } = await ask('/two');
      expect(body).toBe(serials[OTHER]);
      expect(headers['x-first']).toBe(serials[CLIENT]);
    });

    test('nothing is logged but what was loaded', () => {
      expect(site.nginx.log()).not.toMatch(/\[(warn|error|crit|alert|emerg)\]/);
    });
  },
);
