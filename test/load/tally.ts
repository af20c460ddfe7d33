import { tell, type History, type Identity } from './history.js';
import type { Kind, Outcome } from './outcome.js';
import type { Windows } from './windows.js';

/** Failures and violations are all counted, and told up to this many. */
const MOST_TOLD = 20;

/** What clients saw within one second. */
export interface Second {
  /** In milliseconds, one for each full handshake; in no order. */
  latencies: number[];
  /** Failures and violations. */
  bad: number;
}

/** Judges and counts what the clients did. */
export class Tally {
  readonly good: Record<Kind, number> = { full: 0, resumed: 0, unknown: 0, answer: 0 };
  failures = 0;
  violations = 0;
  /** Of connections that were open when their worker was killed. */
  resets = 0;
  /** What failed, or served what it must not, with the history of the name. */
  readonly told: string[] = [];
  readonly seconds: Second[] = [];

  /**
   * @param identify tells from a serial number what was served
   * @param histories by index of the name
   * @param kills when workers were killed
   * @param startedAt the time of second 0
   */
  constructor(
    private readonly identify: (serial: string) => Identity | undefined,
    private readonly histories: History[],
    private readonly kills: Windows,
    private readonly startedAt: number,
  ) {}

  note(outcome: Outcome): void {
    const { kind, startedAt, endedAt, error } = outcome;
    const second = this.second(endedAt);
    if (error !== undefined) {
      if (this.kills.overlap(startedAt, endedAt)) {
        this.resets++;
        return;
      }
      this.failures++;
      second.bad++;
      this.tell([`${this.history(outcome).name} (${kind}): failed: ${error.trim()}`]);
      return;
    }
    this.good[kind]++;
    if (kind === 'full') second.latencies.push(endedAt - startedAt);
    if (kind === 'full' || kind === 'unknown') this.judge(outcome, second);
  }

  private judge(outcome: Outcome, second: Second): void {
    const history = this.history(outcome);
    const served = { ...outcome, identity: this.identify(outcome.serial) };
    const violation = history.violation(served);
    if (violation === undefined) return;
    this.violations++;
    second.bad++;
    this.tell(tell(history, served, violation));
  }

  private history({ name }: Outcome): History {
    return this.histories[name]!;
  }

  private second(at: number): Second {
    const place = Math.max(0, Math.floor((at - this.startedAt) / 1000));
    while (this.seconds.length <= place) this.seconds.push({ latencies: [], bad: 0 });
    return this.seconds[place]!;
  }

  private tell(lines: string[]): void {
    if (this.failures + this.violations <= MOST_TOLD) this.told.push(lines.join('\n'));
  }
}

/** @returns 0 where there are no values */
export function percentile(values: number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
