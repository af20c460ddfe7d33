import { setTimeout as sleep } from 'node:timers/promises';
import { now } from '../clock.js';
import { nameOf } from './names.js';
import type { Server } from './server.js';

/** From the beginning of a handshake to that of the next one. */
export const PACE_MS = 5;
/** For how long they go on where nothing else does. */
export const QUIET_MS = 5000;

/**
 * Makes handshakes with the first name at a steady pace, also while the server is slow: who waits for one handshake before
 * the next is begun meets a long wait once, where clients meet it as often as they come.
 *
 * @param isOver asked before each handshake
 * @returns how long each took, in milliseconds
 */
export async function pacedHandshakes(server: Server, isOver: () => boolean): Promise<number[]> {
  const all: Promise<number>[] = [];
  for (let due = now(); !isOver(); due += PACE_MS) {
    await sleep(Math.max(0, due - now()));
    const startedAt = now();
    all.push(server.handshake(nameOf(0)).then(({ endedAt }) => endedAt - startedAt));
  }
  return Promise.all(all);
}
