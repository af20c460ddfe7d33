import { FIGURES, type FigureName } from './figures.js';
import type { Measurements } from './measurements.js';
import { count } from './names.js';
import { SUBJECTS } from './subjects.js';

/** Something that was to be reached. */
export interface Target {
  what: string;
  bound: 'at most' | 'at least';
  limit: number;
  /** What was measured, by its median. */
  is: number;
  unit: string;
}

/** The number of names that the targets are for. */
const NAMES = 10_000;
const CONFIGURATION_MS = 50;
const TIMES_SOONER = 100;
const MEMORY_SHARE = 1 / 5;
/** What is called flat, from the fewest names to the most: no more than noise. */
const FLAT = { from: 1000, to: 100_000, ratio: 1.1 };

export function isReached({ bound, limit, is }: Target): boolean {
  return bound === 'at most' ? is <= limit : is >= limit;
}

/** Compares with the targets what was measured of what they are about: none for what was not. */
export function targetsOf(measurements: Measurements): Target[] {
  const targets: Target[] = [];
  const median = (
    figure: FigureName,
    subject: string,
    { names = NAMES, way = '' } = {},
  ): number | undefined => measurements.spread({ figure, subject, names, way })?.median;
  const add = (
    target: Omit<Target, 'is' | 'limit'>,
    is: number | undefined,
    limit: number | undefined,
  ): void => {
    if (is !== undefined && limit !== undefined) targets.push({ ...target, is, limit });
  };
  const bundles = SUBJECTS.filter(({ kind }) => kind === 'bundle');
  const reload = (base: string): number | undefined => median('renewal', base, { way: 'reload' });

  for (const { name, title } of bundles) {
    for (const { names } of measurements.series.filter(
      ({ figure, subject }) => figure === 'configuration' && subject === name,
    )) {
      add(
        {
          what: `Reading the configuration, ${count(names)}: ${title}`,
          bound: 'at most',
          unit: 'ms',
        },
        median('configuration', name, { names }),
        CONFIGURATION_MS,
      );
    }
  }
  for (const { name, title, base = '' } of bundles) {
    for (const way of ['clear', 'put']) {
      add(
        {
          what: `Sooner than by a reload, ${way === 'put' ? '`PUT`' : '`/clear`'}: ${title}`,
          bound: 'at least',
          unit: 'times',
        },
        ratio(reload(base), median('renewal', name, { way })),
        TIMES_SOONER,
      );
    }
  }
  for (const { name, title } of bundles) {
    add(
      { what: `As soon as by HAProxy's commit, \`PUT\`: ${title}`, bound: 'at most', unit: 'ms' },
      median('renewal', name, { way: 'put' }),
      median('renewal', 'haproxy', { way: 'commit' }),
    );
  }
  for (const figure of ['workerRss', 'workerPss'] as const) {
    for (const { name, title, base = '' } of bundles) {
      add(
        {
          what: `${FIGURES[figure].title}, beside static: ${title}`,
          bound: 'at most',
          unit: 'times',
        },
        ratio(median(figure, name), median(figure, base)),
        MEMORY_SHARE,
      );
    }
  }
  for (const figure of ['clear', 'handshakeOne', 'handshakeMany'] as const) {
    for (const { name, title } of bundles) {
      add(
        {
          what: `${FIGURES[figure].title}, ${count(FLAT.to)} beside ${count(FLAT.from)}: ${title}`,
          bound: 'at most',
          unit: 'times',
        },
        ratio(median(figure, name, { names: FLAT.to }), median(figure, name, { names: FLAT.from })),
        FLAT.ratio,
      );
    }
  }
  return targets;
}

function ratio(value: number | undefined, to: number | undefined): number | undefined {
  return value !== undefined && to !== undefined ? value / to : undefined;
}
