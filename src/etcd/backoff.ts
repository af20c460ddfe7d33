import type { Context } from '../certs/context';
import { isWithin, timestamp } from '../engine/clock';
import type { Zone } from '../zone/dict';
import { dropNote, findNote, putNote } from '../zone/notes';
import type { Position } from './position';

// Whether etcd answers, and when it is asked again where it does not.

/** Between two attempts, in milliseconds: it doubles. */
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 4000;

/** How long it is known without a write where there is no zone of negative answers, in milliseconds. */
const SUCCESS_LASTS_MS = 1000;

/** What was written down of attempts that failed. */
export interface Failure {
  message: string;
  attempts: number;
  /** When to try again, in milliseconds since 1970. */
  until: number;
  /** When the last round that succeeded did, likewise; 0: none is known. */
  succeededAt: number;
}

/** Whether it is too soon for another attempt. */
export function isWaiting({ until }: Failure): boolean {
  const left = until - Date.now();
  // More than that: the clock was set back.
  return left > 0 && left <= LONGEST_RETRY_MS;
}

/** null: the last round succeeded. */
export function findFailure(zone: Zone, misses: Zone | undefined): Failure | null {
  const text = findNote(zone, 'failure') ?? (misses && findNote(misses, 'failure'));
  return text === undefined ? null : (JSON.parse(text) as Failure);
}

/**
 * Notes that etcd has answered. In the zone of the negative answers, where there is one: a zone with a `state=` file is written
 * to the disk as a whole after each change.
 */
export function noteSuccess({ r, misses }: Context, zone: Zone, failure: Failure | null): void {
  const notes = misses || zone;
  const last = findNote(notes, 'success');
  if (last === undefined || !isWithin(last, 0, SUCCESS_LASTS_MS)) {
    putNote(notes, 'success', timestamp());
  }
  if (!failure) return;
  dropNote(zone, 'failure');
  if (misses) dropNote(misses, 'failure');
  r.log('cert_rotation: etcd answers again');
}

/** Notes that it has not, with the reason in one line of the log where that is a new one. */
export function noteFailure(context: Context, zone: Zone, failure: Failure | null, e: Error): void {
  const { message } = e;
  const attempts = failure ? failure.attempts + 1 : 1;
  if (!failure || failure.message !== message) {
    context.r.error(`cert_rotation: ${message}; what is held is still served`);
  }
  const next: Failure = {
    message,
    attempts,
    until: Date.now() + Math.min(FIRST_RETRY_MS * Math.pow(2, attempts - 1), LONGEST_RETRY_MS),
    succeededAt: failure
      ? failure.succeededAt
      : +(findNote(context.misses || zone, 'success') || 0),
  };
  const text = JSON.stringify(next);
  // Names that somebody makes up clear the other zone, but a full one has no room at all.
  if (!putNote(zone, 'failure', text) && context.misses) putNote(context.misses, 'failure', text);
}

/** When a whole round last succeeded, in milliseconds since 1970; 0: none is known to have. */
export function succeededAt(
  zone: Zone,
  misses: Zone | undefined,
  position: Position | null,
): number {
  const failure = findFailure(zone, misses);
  return Math.max(
    +(findNote(misses || zone, 'success') || 0),
    failure ? failure.succeededAt : 0,
    position ? +position.at : 0,
  );
}
