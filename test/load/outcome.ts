// What the threads of the clients and the main thread tell each other.

/** A full handshake, one with an earlier session, one for a name nobody has, and the answer on a long-lived connection. */
export type Kind = 'full' | 'resumed' | 'unknown' | 'answer';

/** How one thing that a client did came out. Times are those of clock.ts. */
export interface Outcome {
  kind: Kind;
  /** The index of the name whose certificate is due. */
  name: number;
  startedAt: number;
  /** When the handshake, or the answer, was complete, or failed. */
  endedAt: number;
  /** Of the served leaf; empty where a session was resumed, and where it failed. */
  serial: string;
  /** Set: it failed. */
  error?: string;
}

/** An answer that takes long, and how many characters it has. */
export interface LongAnswer {
  path: string;
  length: number;
}

export interface ThreadOptions {
  host: string;
  /** Any of them will do. */
  ports: number[];
  /** By index. */
  names: string[];
  /** The index of the name that is served where nobody has the name asked for. */
  fallback: number;
  /** How many connect without pause. */
  clients: number;
  /** How many resume sessions. */
  resuming: number;
  /** Long-lived connections, one for each. */
  longAnswers: LongAnswer[];
}

export type Command =
  | { do: 'burst'; count: number }
  /** Half of the handshakes are to be for these names, by index. */
  | { do: 'attend'; names: number[] }
  | { do: 'stop' };

export type Report = { is: 'outcomes'; outcomes: Outcome[] } | { is: 'burst-done' | 'stopped' };
