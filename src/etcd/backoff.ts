import type { Context } from '../certs/context';
import { isWithin, timestamp } from '../engine/clock';
import type { Zone } from '../zone/dict';
import { dropNote, findNote, putNote } from '../zone/notes';
import type { Position } from './position';

// Notes whether etcd answers, and when the next attempt is due after a failure. All workers share these notes.

/** The pause after the first failed attempt, in milliseconds. It doubles with each further one. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 4000;

/** The time of the last success is written again once it is this old, in milliseconds, so that not each round writes it. */
const SUCCESS_LASTS_MS = 1000;

/** A run of failed attempts. */
export interface Failure {
  /** The reason of the last attempt. */
  message: string;
  attempts: number;
  /** When the next attempt is due, in milliseconds since 1970. */
  until: number;
  /** When a round last succeeded, in milliseconds since 1970; 0 where none is known to have. */
  succeededAt: number;
}

/** Whether the next attempt is not due yet. */
export function isWaiting({ until }: Failure): boolean {
  const left = until - Date.now();
  // A longer pause than the longest means that the clock was set back.
  return left > 0 && left <= LONGEST_PAUSE_MS;
}

/**
 * Finds the failure of the last round.
 *
 * @param misses the zone of negative answers, where there is one
 * @returns null where the last round succeeded
 */
export function findFailure(zone: Zone, misses: Zone | undefined): Failure | null {
  const text = findNote(zone, 'failure') ?? (misses && findNote(misses, 'failure'));
  return text === undefined ? null : (JSON.parse(text) as Failure);
}

/**
 * Notes that a round succeeded. The note goes to the zone of negative answers where there is one: nginx writes a zone with a
 * `state=` file to the disk as a whole after each change.
 *
 * @param failure of the round before, which ends with this one; null where there was none
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

/**
 * Notes that a round failed, and when the next attempt is due. Logs the reason, unless the attempt before had the same one.
 *
 * @param failure of the round before; null where that one succeeded
 */
export function noteFailure(context: Context, zone: Zone, failure: Failure | null, e: Error): void {
  const { message } = e;
  const attempts = failure ? failure.attempts + 1 : 1;
  if (!failure || failure.message !== message) {
    context.r.error(`cert_rotation: ${message}; the current pairs are still served`);
  }
  const next: Failure = {
    message,
    attempts,
    until: Date.now() + Math.min(FIRST_PAUSE_MS * Math.pow(2, attempts - 1), LONGEST_PAUSE_MS),
    succeededAt: failure
      ? failure.succeededAt
      : +(findNote(context.misses || zone, 'success') || 0),
  };
  const text = JSON.stringify(next);
  // The zone of negative answers is the second choice: a flood of invented names may evict the note there. A full zone has no room.
  if (!putNote(zone, 'failure', text) && context.misses) putNote(context.misses, 'failure', text);
}

/** When a round last succeeded, in milliseconds since 1970; 0 where none is known to have. */
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
