import { baseOf, type Configuration } from './configurations.js';
import { measure, warmUp, type Sample } from './measure.js';
import type { Server } from './server.js';
import { SITES, type Site } from './sites.js';

/** One measurement of a configuration, between two of a static certificate. */
export interface Measurement {
  /** Worker CPU time for one handshake, in microseconds. */
  cpuUs: number;
  /** The mean of the two around it. */
  staticUs: number;
  handshakes: number;
}

/** All measurements of one configuration with one kind of certificate, in the order in which they were made. */
export interface Series {
  configuration: Configuration;
  site: Site;
  /** Key exchange group and cipher. */
  how: string;
  measurements: Measurement[];
}

export interface RoundsOptions {
  rounds: number;
  /** How long one measurement takes. */
  seconds: number;
}

/**
 * Measures every configuration in turn, with a static certificate before and after each, so that whatever else the
 * machine does meanwhile slows down both.
 */
export async function runRounds(servers: Server[], options: RoundsOptions): Promise<Series[]> {
  const all: Series[] = [];
  console.log('Warming up …');
  for (const server of servers) {
    for (const site of SITES) {
      const how = await warmUp(server, site);
      all.push({ configuration: server.configuration, site, how, measurements: [] });
    }
  }
  for (let round = 1; round <= options.rounds; round++) {
    for (const site of SITES) {
      const start = performance.now();
      for (const base of servers.filter(isBase)) {
        const others = servers.filter(
          (server) => server !== base && baseOf(server.configuration) === base.configuration,
        );
        let before = await measure(base, site, options.seconds);
        for (const server of others) {
          const sample = await measure(server, site, options.seconds);
          const after = await measure(base, site, options.seconds);
          const series = all.find(
            (one) => one.configuration === server.configuration && one.site === site,
          );
          series!.measurements.push({
            cpuUs: perHandshake(sample),
            staticUs: (perHandshake(before) + perHandshake(after)) / 2,
            handshakes: sample.handshakes,
          });
          before = after;
        }
      }
      const took = (performance.now() - start) / 1000;
      console.log(`Round ${round} of ${options.rounds}, ${site.title}: ${took.toFixed(0)} s`);
    }
  }
  return all.filter(({ measurements }) => measurements.length > 0);
}

export function isBase({ configuration }: Server): boolean {
  return configuration === baseOf(configuration);
}

function perHandshake({ cpuUs, handshakes }: Sample): number {
  return cpuUs / handshakes;
}
