import { spawn } from 'node:child_process';

/** Something that whoever started the set-up has to do or to know; shown without a stack trace. */
export class SetUpError extends Error {}

export interface CommandOptions {
  /** A command that has written nothing after this many milliseconds is stopped; absent: never. */
  firstOutputMs?: number;
  env?: NodeJS.ProcessEnv;
  /** The directory to run it in; default: the current one. */
  cwd?: string;
  /** What it reads from its standard input; default: nothing. */
  input?: string;
}

/**
 * Runs a program and resolves to what it writes to its standard output.
 * Throws with the end of its error output where it fails or cannot be started.
 */
export async function run(
  program: string,
  args: string[],
  { firstOutputMs, env, cwd, input }: CommandOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: { ...process.env, ...env },
      cwd,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    // A program that does not read what it is given closes its end.
    child.stdin.on('error', () => undefined).end(input);
    let output = '';
    let errors = '';
    const silence =
      firstOutputMs &&
      setTimeout(() => {
        errors = `no answer within ${seconds(firstOutputMs)}`;
        child.kill();
      }, firstOutputMs);
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      clearTimeout(silence);
      output += chunk;
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      clearTimeout(silence);
      errors += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(silence);
      if (code === 0) resolve(output);
      else reject(new Error(`${program} ${args[0] ?? ''}: ${lastLines(errors || output)}`));
    });
  });
}

/** Whether a program can be started and exits with 0. */
export async function succeeds(program: string, args: string[]): Promise<boolean> {
  return run(program, args).then(
    () => true,
    () => false,
  );
}

/** Says what is being done, does it, and says how long it took. */
export async function timed<Result>(what: string, work: () => Promise<Result>): Promise<Result> {
  console.log(`${what} …`);
  const start = performance.now();
  const result = await work();
  console.log(`${what}: done in ${seconds(performance.now() - start)}`);
  return result;
}

/** @param ms a duration in milliseconds */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

export function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function lastLines(text: string): string {
  return text.trim().split('\n').slice(-5).join('\n');
}
