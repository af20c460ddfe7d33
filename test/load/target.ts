import type { HttpRequest, HttpResponse } from '../support/http.js';
import type { Nginx } from '../support/nginx.js';
import type { Way } from './history.js';
import type { LongAnswer } from './outcome.js';

/** A name under load. */
export interface LoadName {
  /** Its place in the list of all. */
  index: number;
  name: string;
  /** Names of one group have the same settings. */
  group: string;
  /** How its certificates are replaced, in turn. */
  ways: Way[];
}

/** What is under load: nginx with the bundle, with the plain approach, or an operator's own. */
export interface Target {
  /** For the report. */
  title: string;
  host: string;
  /** Any of them will do. */
  ports: number[];
  names: LoadName[];
  /** The index of the name that is served where nobody has the name asked for. */
  fallback: number;
  longAnswers: LongAnswer[];
  admin: (path: string, request?: HttpRequest) => Promise<HttpResponse>;
  /** How long another nginx may still serve what was before an answer, in milliseconds; 0: there is one nginx alone. */
  settlesMs: number;
  /** Absent: it is not ours, neither its files nor its processes. */
  nginx?: Nginx;
  /** Leaves nothing behind. */
  end: () => Promise<void>;
}

/** Makes the list of names, of all groups by turns, out of how many are to be in each and how they are replaced. */
export function listNames(groups: Record<string, { count: number; ways: Way[] }>): LoadName[] {
  return Object.entries(groups)
    .flatMap(([group, { count, ways }]) =>
      Array.from({ length: count }, (_, i) => ({ group, ways, i, name: `n${i}.${group}.example` })),
    )
    .sort((a, b) => a.i - b.i)
    .map(({ group, ways, name }, index) => ({ index, name, group, ways }));
}
