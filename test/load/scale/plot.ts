import { svgOf } from '../svg.js';
import { FIGURES, type FigureName } from './figures.js';
import type { Measurements, Series } from './measurements.js';
import { count } from './names.js';
import { SUBJECTS } from './subjects.js';

const WIDTH = 1100;
const LABELS_WIDTH = 420;
const ROW_HEIGHT = 46;
const MARGIN = 80;

/** Draws how long it takes until a renewed certificate is served, on a logarithmic scale. */
export function plotRenewals(measurements: Measurements, sizes: number[]): string {
  return bars(measurements, sizes, 'renewal', { type: 'log', min: 0.1 });
}

/** Draws what the processes have in memory. */
export function plotMemory(measurements: Measurements, sizes: number[]): string {
  return bars(measurements, sizes, 'allPss', { type: 'value' });
}

/** @returns SVG with a row for each subject and way, and a bar in it for each number of names */
function bars(
  measurements: Measurements,
  sizes: number[],
  figure: FigureName,
  xAxis: object,
): string {
  const own = measurements.series.filter((one) => one.figure === figure);
  const labels = SUBJECTS.flatMap(({ name }) => [
    ...new Set(own.filter(({ subject }) => subject === name).map(labelOf)),
  ]);
  const { title, unit } = FIGURES[figure];
  const median = (label: string, names: number): number | null => {
    const one = own.find((series) => series.names === names && labelOf(series) === label);
    return (one && measurements.spread(one)?.median) ?? null;
  };
  const option = {
    title: { text: `${title}, in ${unit}`, left: 10, top: 5 },
    legend: { top: 30, itemGap: 30 },
    grid: { left: LABELS_WIDTH, right: 70, top: MARGIN, bottom: 40 },
    xAxis,
    yAxis: { type: 'category', inverse: true, data: labels, axisLabel: { interval: 0 } },
    series: sizes.map((names) => ({
      type: 'bar',
      name: count(names),
      data: labels.map((label) => median(label, names)),
      label: {
        show: true,
        position: 'right',
        fontSize: 10,
        formatter: ({ value }: { value: number | null }) =>
          value === null ? '' : Number(value.toPrecision(3)).toLocaleString('en'),
      },
    })),
  };
  const height = labels.length * ROW_HEIGHT + MARGIN + 40;
  return svgOf(option, { width: WIDTH, height });
}

const GROWING = ['clear', 'handshakeOne', 'handshakeMany'] as const;

/** Draws what a clear and a handshake cost, over the number of names. */
export function plotGrowth(measurements: Measurements): string {
  const height = 330;
  const legend = 110;
  const panels = GROWING.map((figure) => ({
    figure,
    all: measurements.series.filter((one) => one.figure === figure),
  }));
  const option = {
    legend: { top: 10, itemGap: 40 },
    title: panels.map(({ figure }, i) => ({
      text: `${FIGURES[figure].title}, in ${FIGURES[figure].unit}`.replaceAll('`', ''),
      textStyle: { fontSize: 13 },
      top: legend + i * height,
      left: 60,
    })),
    grid: panels.map((_, i) => ({
      left: 60,
      right: 40,
      top: legend + 35 + i * height,
      height: height - 95,
    })),
    xAxis: panels.map((_, gridIndex) => ({
      type: 'log',
      min: 'dataMin',
      gridIndex,
      name: 'names',
      nameLocation: 'middle',
      nameGap: 25,
    })),
    yAxis: panels.map((_, gridIndex) => ({ type: 'value', gridIndex, min: 0 })),
    series: panels.flatMap(({ all }, i) =>
      [...new Set(all.map(({ subject }) => subject))].map((subject) => ({
        type: 'line',
        name: titleOf(subject),
        xAxisIndex: i,
        yAxisIndex: i,
        data: all
          .filter((one) => one.subject === subject)
          .map((one) => [one.names, measurements.spread(one)?.median]),
      })),
    ),
  };
  return svgOf(option, { width: WIDTH, height: legend + panels.length * height });
}

function labelOf({ subject, way }: Series): string {
  return way === '' ? titleOf(subject) : `${titleOf(subject)}: ${way}`;
}

function titleOf(subject: string): string {
  return SUBJECTS.find(({ name }) => name === subject)!.title;
}
