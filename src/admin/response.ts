import { NO_ROOM } from '../certs/install';
import { isRefusal } from '../engine/refusal';
import { count, refusalLabels } from '../zone/counters';
import { type Zone, isZoneFull } from '../zone/dict';
import { type Code, PROBLEMS } from './problems';

/**
 * Answers with the problem that an exception stands for, and counts it.
 *
 * @param e a refusal; the error of a full zone; anything else is logged, and answered as `internal`
 */
export function answerError(r: NginxHTTPRequest, zone: Zone | undefined, e: unknown): void {
  const { code, reason } = problemOf(r, e);
  if (zone) count(zone, 'refusals_total', refusalLabels('api', code));
  answerProblem(r, code, reason);
}

function problemOf(r: NginxHTTPRequest, e: unknown): { code: Code; reason: string } {
  // No request is refused as `bad-seal`: only values of etcd are.
  if (isRefusal(e)) return { code: e.code as Code, reason: e.message };
  if (isZoneFull(e)) return { code: 'zone-full', reason: NO_ROOM };
  r.error(`cert_rotation: ${(e as Error).message}`);
  return { code: 'internal', reason: 'See the error log.' };
}

/** Answers with `application/problem+json` (RFC 9457). */
function answerProblem(r: NginxHTTPRequest, code: Code, reason: string): void {
  const { status, title, advice } = PROBLEMS[code];
  const detail = advice ? `${sentence(reason)} ${advice}` : sentence(reason);
  r.headersOut['Content-Type'] = 'application/problem+json';
  answer(r, status, JSON.stringify({ title, status, code, detail }) + '\n');
}

/** A reason that begins with a path, a host or a variable: these are written as they are. */
const BEGINS_WITH_NAME = /^[^ ]*[./_]/;

/** A reason as a sentence: reasons are written to stand inside a log line. */
function sentence(reason: string): string {
  const first = reason.charAt(0);
  const text = (BEGINS_WITH_NAME.test(reason) ? first : first.toUpperCase()) + reason.slice(1);
  return /[.?!]$/.test(text) ? text : `${text}.`;
}

/** Answers with a body of JSON. */
export function answerJson(r: NginxHTTPRequest, status: number, body: object): void {
  r.headersOut['Content-Type'] = 'application/json';
  answer(r, status, JSON.stringify(body) + '\n');
}

/** Sends an answer. The caller must send only one: a second one would crash the worker. */
export function answer(r: NginxHTTPRequest, status: number, text: string): void {
  try {
    r.return(status === 200 && isJudgedByNginx(r) ? STATUS_DONE : status, text);
  } catch (e) {
    // The client has left, or nginx has answered with a 304 or 412 of its own.
    r.log(`cert_rotation: ${(e as Error).message}`);
  }
}

const NJS_0_9_1 = 0x000901;

/** Replaces 200 where `isJudgedByNginx`. 203 (Non-Authoritative Information) means a 200 that a proxy may have changed. */
const STATUS_DONE = 203;

/**
 * Whether nginx itself may turn a 200 into a 412 or 304 although the request was done. Before njs 0.9.1, nginx compares the
 * conditions of the request with an answer whose entity tag it does not know.
 */
export function isJudgedByNginx({ headersIn }: NginxHTTPRequest): boolean {
  const isConditional =
    (headersIn['If-Match'] || '*') !== '*' ||
    headersIn['If-None-Match'] === '*' ||
    headersIn['If-Unmodified-Since'] !== undefined;
  return isConditional && njs.version_number < NJS_0_9_1;
}
