import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { Command, Outcome, Report, ThreadOptions } from './outcome.js';

/** How long clients may take to end what they have begun, in milliseconds: more than a handshake may take. */
const PATIENCE_MS = 15_000;

/** The clients of a run, in threads of their own. */
export interface Clients {
  /** Turns to some names, by index, more than to others. */
  attend: (names: number[]) => void;
  /** Makes handshakes for names that nobody has, and resolves when they are through. */
  burst: (count: number) => Promise<void>;
  /** Ends all clients, those on long-lived connections at once. Throws where one does not come to an end. */
  stop: () => Promise<void>;
}

/**
 * Starts clients, shared out among threads.
 *
 * @param noted gets what they did, some ten times a second
 */
export function startClients(
  { clients, resuming, longAnswers, ...options }: ThreadOptions,
  threadCount: number,
  noted: (outcomes: Outcome[]) => void,
): Clients {
  const share = (whole: number, i: number): number =>
    Math.floor((whole * (i + 1)) / threadCount) - Math.floor((whole * i) / threadCount);
  const threads = Array.from({ length: threadCount }, (_, i) => {
    const workerData: ThreadOptions = {
      ...options,
      clients: share(clients, i),
      resuming: share(resuming, i),
      longAnswers: longAnswers.filter((_, j) => j % threadCount === i),
    };
    const thread = new Worker(new URL('./thread.mjs', import.meta.url), { workerData });
    thread.on('message', (report: Report) => {
      if (report.is === 'outcomes') noted(report.outcomes);
    });
    // Nothing is proven without clients.
    thread.on('error', (error) => {
      throw error;
    });
    return thread;
  });

  async function tell(thread: Worker, command: Command, answer: Report['is']): Promise<void> {
    await new Promise<void>((resolve) => {
      const heard = (report: Report): void => {
        if (report.is !== answer) return;
        thread.off('message', heard);
        resolve();
      };
      thread.on('message', heard);
      thread.postMessage(command);
    });
  }

  return {
    attend: (names) => {
      for (const thread of threads) thread.postMessage({ do: 'attend', names } satisfies Command);
    },
    burst: async (count) => {
      const each = Math.ceil(count / threadCount);
      await Promise.all(
        threads.map((thread) => tell(thread, { do: 'burst', count: each }, 'burst-done')),
      );
    },
    stop: async () => {
      const late = new AbortController();
      const stopped = Promise.all(threads.map((thread) => tell(thread, { do: 'stop' }, 'stopped')));
      const isLate = await Promise.race([
        stopped.then(() => false),
        sleep(PATIENCE_MS, true, { signal: late.signal }),
      ]);
      late.abort();
      await Promise.all(threads.map((thread) => thread.terminate()));
      if (isLate) throw new Error('Some clients got no answer and no end of their connection.');
    },
  };
}
