// Sessions: the objects that nginx passes to a handler, and the parts of them that the bundle uses.

/** The object that a handler of `js_set` gets, in `http` or in `stream`. */
export type Session = NginxHTTPRequest | NginxStreamRequest;

/** The part of a handshake, a request or a call of `js_periodic` that settings and messages need. */
export interface Caller {
  variables: Variables;
  log: (message: string) => void;
  warn: (message: string) => void;
  error: (message: string) => void;
}

/** nginx variables by name; undefined where the configuration has no such variable. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** The variables of a session. */
export function variablesOf(r: Pick<Caller, 'variables'>): Variables {
  return r.variables;
}

/** The caller that a call of `js_periodic` is. Its session has no methods to log with. */
export function callerOf({ variables }: NginxPeriodicSession): Caller {
  return {
    variables,
    log: (message) => {
      ngx.log(ngx.INFO, message);
    },
    warn: (message) => {
      ngx.log(ngx.WARN, message);
    },
    error: (message) => {
      ngx.log(ngx.ERR, message);
    },
  };
}
