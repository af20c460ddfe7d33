// What each of several nginx on one store has to serve for a name, and the judge of one handshake.

/** A certificate that a name was given, or none. Times are milliseconds since 1970. */
export interface Change {
  /** The serial number that handshakes are served from then on. */
  serial: string;
  /** Before anybody but the writer knew of it. */
  issuedAt: number;
  /** When it was answered; Infinity: it was not. */
  acknowledgedAt: number;
  /** The process number of the worker that answered. */
  by: number;
}

export interface Served {
  serial: string;
  /** The process number of the worker that served it. */
  by: number;
  /** Before the connection was opened. */
  startedAt: number;
  endedAt: number;
}

/** The changes of one name, the oldest first. One writer at a time adds to it. */
export class Register {
  readonly changes: Change[];

  /** @param serial what is served for the name before the first change */
  constructor(
    readonly name: string,
    serial: string,
  ) {
    this.changes = [{ serial, issuedAt: 0, acknowledgedAt: 0, by: 0 }];
  }

  /** Notes a change that is about to be asked for. */
  issue(serial: string): Change {
    const change = { serial, issuedAt: Date.now(), acknowledgedAt: Infinity, by: 0 };
    this.changes.push(change);
    return change;
  }

  /**
   * Judges one handshake: a change that was answered by one nginx counts for this one at once, and for the others after a
   * while. That change is served or a later one, and none that was not issued when the handshake ended.
   *
   * @param areSame whether two workers belong to one nginx
   * @param whileMs how long another nginx may take
   * @returns the fault; undefined: there is none
   */
  fault(
    { serial, by, startedAt, endedAt }: Served,
    areSame: (one: number, other: number) => boolean,
    whileMs: number,
  ): string | undefined {
    const least = this.changes.findLastIndex(
      (change) => change.acknowledgedAt + (areSame(change.by, by) ? 0 : whileMs) <= startedAt,
    );
    const allowed = this.changes.slice(least).filter(({ issuedAt }) => issuedAt <= endedAt);
    if (allowed.some((change) => change.serial === serial)) return undefined;
    const served = this.changes.findLastIndex((change) => change.serial === serial);
    const { acknowledgedAt, by: answered } = this.changes[least]!;
    return (
      `${this.name}: worker ${by} served change ${served}, ` +
      `${startedAt - acknowledgedAt} ms after worker ${answered} had answered change ${least}`
    );
  }
}
