import { spreadOf } from '../statistics.js';
import { svgOf } from '../svg.js';
import { CYCLES, KINDS, type Counts } from './cachegrind.js';
import { baseOf } from './configurations.js';
import { staticOf, type Cycles } from './cycles.js';
import type { Series } from './rounds.js';
import { SITES } from './sites.js';

const WIDTH = 1200;
const LABELS_WIDTH = 330;
const ROW_HEIGHT = 22;
const MARGIN = 80;

/** Draws the ratio of each configuration to a static certificate: median, quarters, least and most. */
export function plotRatios(series: Series[]): string {
  const panels = SITES.map((site) => {
    const own = series.filter((one) => one.site === site);
    const boxes = own.map(({ measurements }) => {
      const ratio = spreadOf(measurements.map(({ cpuUs, staticUs }) => cpuUs / staticUs));
      return [ratio.least, ratio.low, ratio.median, ratio.high, ratio.most];
    });
    return {
      title: site.title,
      labels: own.map(titleOf),
      series: [{ type: 'boxplot', data: boxes, boxWidth: [6, 12] }],
    };
  });
  return draw('Worker CPU time of a handshake, static certificate = 1', panels, {
    scale: true,
    min: (extent: { min: number }) => Math.min(1, Math.floor(extent.min * 20) / 20),
  });
}

const KIND_TITLES: Record<keyof Counts, string> = {
  instructions: 'instructions',
  firstLevelMisses: 'first-level cache misses',
  mispredictions: 'mispredicted branches',
  lastLevelMisses: 'last-level cache misses',
};

/** Draws the cycles that each configuration takes beyond a static certificate, and for what. */
export function plotCycles(cycles: Cycles[]): string {
  const panels = SITES.map((site) => {
    const own = cycles.filter(
      (one) => one.site === site && one.configuration !== baseOf(one.configuration),
    );
    const more = (one: Cycles, kind: keyof Counts): number => {
      const base = staticOf(cycles, one)?.counts[kind] ?? 0;
      return ((one.counts[kind] - base) * CYCLES[kind]) / 1000;
    };
    return {
      title: site.title,
      labels: own.map(titleOf),
      series: KINDS.map((kind) => ({
        type: 'bar',
        name: KIND_TITLES[kind],
        stack: site.key,
        data: own.map((one) => more(one, kind)),
      })),
    };
  });
  return draw('Thousand cycles beyond a static certificate', panels, {});
}

function titleOf({ configuration: { name, title } }: Series | Cycles): string {
  return name.startsWith('1.26-') ? `nginx 1.26: ${title}` : title;
}

interface Panel {
  title: string;
  /** From top to bottom. */
  labels: string[];
  /** Of ECharts; their data go with the labels. */
  series: object[];
}

/** @returns SVG with panels side by side, rows for the same configurations */
function draw(title: string, panels: Panel[], xAxis: object): string {
  const rows = Math.max(...panels.map(({ labels }) => labels.length));
  const height = rows * ROW_HEIGHT + 2 * MARGIN;
  const width = (WIDTH - LABELS_WIDTH) / panels.length;
  const option = {
    title: { text: title, left: 10, top: 5 },
    legend: { top: 30 },
    grid: panels.map((_, i) => ({
      left: LABELS_WIDTH + i * width,
      width: width - 30,
      top: MARGIN,
      bottom: MARGIN,
    })),
    xAxis: panels.map((panel, gridIndex) => ({
      ...xAxis,
      type: 'value',
      gridIndex,
      name: panel.title,
      nameLocation: 'middle',
      nameGap: 30,
    })),
    yAxis: panels.map(({ labels }, gridIndex) => ({
      type: 'category',
      gridIndex,
      inverse: true,
      data: labels,
      axisLabel: { show: gridIndex === 0, interval: 0 },
    })),
    series: panels.flatMap(({ series }, i) =>
      series.map((one) => ({ ...one, xAxisIndex: i, yAxisIndex: i })),
    ),
  };
  return svgOf(option, { width: WIDTH, height });
}
