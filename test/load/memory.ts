import { setTimeout as sleep } from 'node:timers/promises';
import type { Nginx } from '../support/nginx.js';
import { now } from './clock.js';

const SAMPLE_MS = 1000;

/** What a worker is left of the zones, which it shares with the others, and of its program. */
const SCRIPT = `
  for directory in /proc/[0-9]*; do
    case "$(tr '\\0' ' ' <"$directory/cmdline")" in
      'nginx: worker process '*) echo "\${directory#/proc/} $(grep RssAnon "$directory/status")";;
    esac
  done 2>/dev/null`;

/** The private memory of one worker at a time of clock.ts. */
export interface Sample {
  pid: number;
  at: number;
  kib: number;
}

/** Looks at the memory of nginx's workers, until it is told to stop. */
export class MemoryWatch {
  readonly samples: Sample[] = [];
  private isStopped = false;
  private readonly running: Promise<void>;

  constructor(private readonly nginx: Nginx) {
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.isStopped) {
      const { stdout } = await this.nginx.exec(['sh', '-c', SCRIPT]);
      const at = now();
      for (const [, pid, kib] of stdout.matchAll(/^(\d+) RssAnon:\s+(\d+) kB$/gm)) {
        this.samples.push({ pid: Number(pid), at, kib: Number(kib) });
      }
      await sleep(SAMPLE_MS);
    }
  }
}

/** How the memory of a worker went over a span of time. */
export interface Growth {
  pid: number;
  /** Means of the first and the last quarter of the samples. */
  fromKib: number;
  toKib: number;
  isFlat: boolean;
}

/**
 * Memory may grow by this share and still be called flat. It grows in steps of up to 2 MiB, whenever more goes on at a
 * time than ever before, and stays there. A record that is lost in each handshake makes it grow several times as much.
 */
const FLAT_SHARE = 0.15;
/** The fewest samples that say anything. */
const FEWEST = 20;

/** Compares the two ends of a span, for every worker that lived through it. */
export function growthOf(samples: Sample[], from: number, to: number): Growth[] {
  const within = samples.filter(({ at }) => at >= from && at <= to);
  return [...new Set(within.map(({ pid }) => pid))].flatMap((pid) => {
    const kibs = within.filter((sample) => sample.pid === pid).map(({ kib }) => kib);
    if (kibs.length < FEWEST) return [];
    const quarter = Math.floor(kibs.length / 4);
    const fromKib = mean(kibs.slice(0, quarter));
    const toKib = mean(kibs.slice(-quarter));
    return [{ pid, fromKib, toKib, isFlat: toKib <= fromKib * (1 + FLAT_SHARE) }];
  });
}

function mean(values: number[]): number {
  return Math.round(values.reduce((sum, value) => sum + value, 0) / values.length);
}
