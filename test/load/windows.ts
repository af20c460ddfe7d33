import { now } from './clock.js';

/** Spans of time in which something is to be expected that would be a failure otherwise. */
export class Windows {
  private readonly spans: { from: number; to: number }[] = [];

  /** Opens a span that lasts until what is returned is called. */
  open(): () => void {
    const span = { from: now(), to: Infinity };
    this.spans.push(span);
    return () => {
      span.to = now();
    };
  }

  /** Whether anything that lasted from one time to another lies in a span, if only in part. */
  overlap(from: number, to: number): boolean {
    return this.spans.some((span) => from <= span.to && to >= span.from);
  }
}
