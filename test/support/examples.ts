import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Runtime } from '../setup/runtimes.js';

/** What is copied from: nginx/ of this repository. */
export const EXAMPLES_DIRECTORY = join(import.meta.dirname, '../../nginx');

/** Where a part of a configuration is put for the whole that includes it. */
const PART = '/etc/nginx/part.conf';

/** What all of them include where it is there. */
const CACHE = 'certificate_cache.conf';

/** The folder of the socket of stream.conf, as its head has it made. */
export const STREAM_FOLDER = { '/run/nginx-stream': 'mode=0710,gid=33' };

export interface Example {
  /** Its path below `EXAMPLES_DIRECTORY`. */
  path: string;
  /** A whole nginx.conf: its own text, or one that includes it. */
  config: string;
  /** What that includes: texts by path of the container. */
  files: Record<string, string>;
}

/** Every configuration of nginx there is in `EXAMPLES_DIRECTORY`, those of folders too. */
export function findExamples(): Example[] {
  return readdirSync(EXAMPLES_DIRECTORY, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.conf') && !path.startsWith('systemd/') && path !== CACHE)
    .sort()
    .map(readExample);
}

/** A text without an `events` block is a part of the http block of nginx.conf. */
function readExample(path: string): Example {
  const text = textOf(path);
  if (/^events\b/m.test(text)) return { path, config: text, files: {} };
  const config = textOf('nginx.conf').replace(/^http \{$/m, `$&\n    include ${PART};`);
  return { path, config, files: { [PART]: text } };
}

/** An example as it is for a runtime that has the stream core built in: that cannot be loaded then. */
export function fittedTo(runtime: Runtime, config: string): string {
  return runtime.dynamicStream
    ? config
    : config.replace(/^load_module .*ngx_stream_module\.so;/m, '');
}

/** What somebody with this nginx copies beside an example. */
export function filesBeside({ certificateCache }: Runtime): Record<string, string> {
  return certificateCache ? { [`/etc/nginx/${CACHE}`]: textOf(CACHE) } : {};
}

export function textOf(path: string): string {
  return readFileSync(join(EXAMPLES_DIRECTORY, path), 'utf8');
}
