import type { EChartsCoreOption } from 'echarts';
import type { Way } from './history.js';
import type { Result } from './load.js';
import { svgOf } from './svg.js';
import { percentile } from './tally.js';

const SIZE = { width: 1100, height: 620 };
const COLOURS = {
  handshakes: '#1f77b4',
  half: '#2ca02c',
  most: '#9467bd',
  bad: '#d62728',
  fault: '#fff1d6',
};
const WAYS: { way: Way; title: string; colour: string }[] = [
  { way: 'clear', title: 'files and clear', colour: '#1f77b4' },
  { way: 'files', title: 'files alone', colour: '#ff7f0e' },
  { way: 'put', title: 'put', colour: '#2ca02c' },
];

/**
 * Draws handshakes per second, their latency, and the rotations, over the time of a run.
 *
 * @returns SVG
 */
export function plot(result: Result): string {
  return svgOf(optionOf(result), SIZE);
}

function optionOf(result: Result): EChartsCoreOption {
  const { tally, rotations, faults, startedAt } = result;
  const since = (at: number): number => (at - startedAt) / 1000;
  const end = since(result.endedAt);
  // The last second is not a whole one.
  const seconds = tally.seconds.slice(0, Math.floor(end));
  const overTime = (value: (second: (typeof seconds)[number]) => number): number[][] =>
    seconds.map((second, i) => [i + 0.5, value(second)]);
  const line = (name: string, at: number, colour: string, data: number[][]) => ({
    type: 'line',
    name,
    data,
    xAxisIndex: at,
    yAxisIndex: at,
    color: colour,
    showSymbol: false,
    animation: false,
  });
  const faultAreas = faults.map(({ name, startedAt: from, endedAt }) => [
    { name, xAxis: since(from), itemStyle: { color: COLOURS.fault } },
    { xAxis: since(endedAt) },
  ]);
  const ticks = WAYS.map(({ way, title, colour }, row) => ({
    type: 'scatter',
    name: title,
    data: rotations
      .filter((rotation) => rotation.way === way)
      .map((rotation) => [since(rotation.endedAt), row]),
    xAxisIndex: 2,
    yAxisIndex: 2,
    color: colour,
    symbol: 'rect',
    // One path for all of them.
    large: true,
    largeThreshold: 1,
    symbolSize: [1, 14],
    animation: false,
  }));
  const grid = (top: number, height: number): object => ({ left: 110, right: 30, top, height });
  const timeAxis = (gridIndex: number): object => ({
    type: 'value',
    gridIndex,
    min: 0,
    max: Math.ceil(end),
    ...(gridIndex === 2 ? { name: 'seconds', nameLocation: 'middle', nameGap: 25 } : {}),
  });
  const axis = (gridIndex: number, name: string): object => ({
    type: 'value',
    gridIndex,
    name,
    nameLocation: 'middle',
    nameGap: 55,
    min: 0,
  });
  const lines = [
    {
      ...line(
        'handshakes',
        0,
        COLOURS.handshakes,
        overTime(({ latencies }) => latencies.length),
      ),
      markArea: { label: { position: 'inside', rotate: 90, fontSize: 10 }, data: faultAreas },
    },
    line(
      'failed or violated',
      0,
      COLOURS.bad,
      overTime(({ bad }) => bad),
    ),
    line(
      'latency, half',
      1,
      COLOURS.half,
      overTime(({ latencies }) => percentile(latencies, 0.5)),
    ),
    line(
      'latency, 99 %',
      1,
      COLOURS.most,
      overTime(({ latencies }) => percentile(latencies, 0.99)),
    ),
  ];
  return {
    title: { text: result.title, left: 110 },
    legend: { top: 30, left: 110, itemGap: 30, data: lines.map(({ name }) => name) },
    grid: [grid(80, 170), grid(290, 170), grid(500, 70)],
    xAxis: [0, 1, 2].map(timeAxis),
    yAxis: [
      axis(0, 'per second'),
      axis(1, 'milliseconds'),
      { type: 'category', gridIndex: 2, data: WAYS.map(({ title }) => title) },
    ],
    series: [...lines, ...ticks],
  };
}
