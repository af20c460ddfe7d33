// What was issued under each name and when it was acknowledged, and the judge of one handshake. All times are those of
// clock.ts: milliseconds that every thread counts alike.

/** How a certificate gets to nginx: files and a clear, files alone, or a PUT. */
export type Way = 'clear' | 'files' | 'put';

/** One certificate of a name. */
export interface Version {
  /** Counted from 1. */
  number: number;
  way: Way;
  /** Before anybody but the writer had it. */
  issuedAt: number;
  /** When it was promised to be served from then on; Infinity: it was not. */
  acknowledgedAt: number;
  /** When it was refused, and promised not to be served; Infinity: it was not. */
  refusedAt: number;
}

/** Whose certificate one is, as its serial number says. */
export interface Identity {
  /** The index of the name. */
  name: number;
  version: number;
}

export interface Served {
  /** Before the connection was opened. */
  startedAt: number;
  /** When the handshake was complete. */
  endedAt: number;
  /** Undefined: a certificate that the run did not issue. */
  identity: Identity | undefined;
}

/** The versions of one name, oldest first. One writer at a time adds to it. */
export class History {
  readonly versions: Version[] = [];

  constructor(
    readonly index: number,
    readonly name: string,
  ) {}

  /** Notes a version that somebody is about to hand out. */
  issue(way: Way, at: number): Version {
    const version: Version = {
      number: this.versions.length + 1,
      way,
      issuedAt: at,
      acknowledgedAt: Infinity,
      refusedAt: Infinity,
    };
    this.versions.push(version);
    return version;
  }

  /** The highest version that was promised to be served at a time; 0: none. */
  acknowledgedBy(at: number): number {
    const promised = this.versions.findLast(({ acknowledgedAt }) => acknowledgedAt <= at);
    return promised?.number ?? 0;
  }

  /**
   * Judges one handshake for this name:
   *
   * 1. It serves a certificate of this run, and of this name.
   * 2. That was issued before the handshake ended.
   * 3. It was not refused before the handshake started.
   * 4. No later version was acknowledged before the handshake started.
   *
   * A version that was neither acknowledged nor refused may be served or not: its request got no answer, or has not
   * got one yet.
   *
   * @returns what is wrong; undefined: nothing
   */
  violation({ startedAt, endedAt, identity }: Served): string | undefined {
    if (identity === undefined) return 'a certificate that was never issued';
    if (identity.name !== this.index) return `the certificate of another name (${identity.name})`;
    const version = this.versions[identity.version - 1];
    if (version === undefined || version.issuedAt > endedAt) {
      return `version ${identity.version}, which was not yet issued`;
    }
    if (version.refusedAt <= startedAt) {
      return `version ${identity.version}, which had been refused`;
    }
    const least = this.acknowledgedBy(startedAt);
    if (identity.version < least) {
      return `version ${identity.version}, where ${least} was acknowledged`;
    }
    return undefined;
  }
}

/** How many versions a told history has at most. */
const TOLD = 6;

/**
 * Tells what a handshake was served, and the versions around it, in milliseconds before (-) and after its start.
 */
export function tell(history: History, served: Served, violation: string): string[] {
  const { startedAt, endedAt, identity } = served;
  const first = Math.min(
    identity?.name === history.index ? identity.version : Infinity,
    history.acknowledgedBy(startedAt),
  );
  const since = (at: number): string => (at - startedAt).toFixed(1);
  const lines = history.versions
    .filter(({ number, issuedAt }) => number >= first - 1 && issuedAt <= endedAt + 1000)
    .slice(0, TOLD)
    .map(({ number, way, issuedAt, acknowledgedAt, refusedAt }) => {
      const outcome = Number.isFinite(refusedAt)
        ? `refused ${since(refusedAt)}`
        : Number.isFinite(acknowledgedAt)
          ? `acknowledged ${since(acknowledgedAt)}`
          : 'without an answer';
      return `  version ${number} by ${way}: issued ${since(issuedAt)}, ${outcome}`;
    });
  return [`${history.name}: served ${violation}; it ended ${since(endedAt)}`, ...lines];
}
