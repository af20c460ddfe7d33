import { spreadOf, type Spread } from '../statistics.js';
import type { FigureName } from './figures.js';
import type { Server } from './server.js';

/** What was measured again and again. */
export interface Series {
  figure: FigureName;
  /** The name of a subject. */
  subject: string;
  names: number;
  /** Which of several ways of the same subject; '' where there is one. */
  way: string;
  /** In the order in which they were measured. */
  values: number[];
}

export type Key = Omit<Series, 'values'>;

export function keyOf(
  { subject, names }: Pick<Server, 'subject' | 'names'>,
  figure: FigureName,
  way = '',
): Key {
  return { figure, subject: subject.name, names, way };
}

/** All that a run has measured. */
export class Measurements {
  readonly series: Series[] = [];

  add(key: Key, value: number): void {
    const own = this.find(key);
    if (own) own.values.push(value);
    else this.series.push({ ...key, values: [value] });
  }

  /** @returns undefined where it was not measured */
  spread(key: Key): Spread | undefined {
    const own = this.find(key);
    return own && spreadOf(own.values);
  }

  private find({ figure, subject, names, way }: Key): Series | undefined {
    return this.series.find(
      (one) =>
        one.figure === figure && one.subject === subject && one.names === names && one.way === way,
    );
  }
}
