/** What js_set and js_content hand to a handler; stream has no HTTP handlers. */
export type Session = NginxHTTPRequest | NginxStreamRequest;

/** What needs settings and has something to say: a handshake, a request, or a call of `js_periodic`. */
export interface Caller {
  variables: Variables;
  log: (message: string) => void;
  error: (message: string) => void;
}

/** nginx variables by name; undefined where the configuration has none of that name. */
export type Variables = Readonly<Record<string, string | undefined>>;

// An empty variable counts as absent: js_var without a value makes one, and so does a `set` whose phase a handshake
// never comes to.

export function variablesOf(r: Pick<Caller, 'variables'>): Variables {
  return r.variables;
}

/** What a call of `js_periodic` is to the lookup. Its session cannot log. */
export function callerOf({ variables }: NginxPeriodicSession): Caller {
  return {
    variables,
    log: (message) => {
      ngx.log(ngx.INFO, message);
    },
    error: (message) => {
      ngx.log(ngx.ERR, message);
    },
  };
}
