import * as echarts from 'echarts';

/**
 * Draws a chart of ECharts.
 *
 * @param size in pixels
 * @returns SVG
 */
export function svgOf(
  option: echarts.EChartsCoreOption,
  size: { width: number; height: number },
): string {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, ...size });
  chart.setOption({ animation: false, backgroundColor: '#fff', ...option });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg + '\n';
}
