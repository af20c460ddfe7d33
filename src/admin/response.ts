import { type Code, PROBLEMS } from './problems';

/**
 * Answers with `application/problem+json` (RFC 9457).
 *
 * @param reason what is wrong; no key material
 */
export function answerProblem(r: NginxHTTPRequest, code: Code, reason: string): void {
  const { status, title, advice } = PROBLEMS[code];
  const detail = advice ? `${sentence(reason)} ${advice}` : sentence(reason);
  r.headersOut['Content-Type'] = 'application/problem+json';
  answer(r, status, JSON.stringify({ title, status, code, detail }) + '\n');
}

/** Log lines go on after a reason; here it stands for itself. */
function sentence(reason: string): string {
  const text = reason.charAt(0).toUpperCase() + reason.slice(1);
  return /[.?!]$/.test(text) ? text : `${text}.`;
}

/** Answers with a body of JSON. */
export function answerJson(r: NginxHTTPRequest, status: number, body: object): void {
  r.headersOut['Content-Type'] = 'application/json';
  answer(r, status, JSON.stringify(body) + '\n');
}

/** Sends an answer, once: a second try would crash the worker. */
export function answer(r: NginxHTTPRequest, status: number, text: string): void {
  try {
    r.return(status === 200 && isJudgedByNginx(r) ? DONE : status, text);
  } catch (e) {
    // The client is gone, or nginx has answered with a 304 or 412 of its own.
    r.log(`cert_rotation: ${(e as Error).message}`);
  }
}

const NJS_0_9_1 = 0x000901;

/**
 * In the place of 200 where `isJudgedByNginx`: 203 (Non-Authoritative Information) is no more than a 200 that passed
 * through other hands.
 */
const DONE = 203;

/**
 * Whether nginx itself would turn a 200 into a 412 or 304, though what was asked for is done. Before njs 0.9.1 it compares
 * the conditions of the request with the answer, whose entity tag it does not know.
 */
export function isJudgedByNginx({ headersIn }: NginxHTTPRequest): boolean {
  const isConditional =
    (headersIn['If-Match'] || '*') !== '*' ||
    headersIn['If-None-Match'] === '*' ||
    headersIn['If-Unmodified-Since'] !== undefined;
  return isConditional && njs.version_number < NJS_0_9_1;
}
