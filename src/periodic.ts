import type { Caller } from './settings';

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
