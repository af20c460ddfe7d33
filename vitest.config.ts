import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { configDefaults, defineConfig } from 'vitest/config';

const INTEGRATION = 'test/integration';

/** An image of one's own is the only runtime of its run: everything runs on it. */
const runtime = process.env['NGINX_IMAGE'] ? '' : (process.env['NGINX_RUNTIME'] ?? 'njs');

/**
 * Test files that are for other runtimes alone. Such a file says so, and why, in a comment: `// Runs on njs, debian13: …`.
 * It is left out as a whole, so that what nobody means to run is not counted as skipped.
 */
function filesOfOtherRuntimes(): string[] {
  return readdirSync(INTEGRATION, { recursive: true, encoding: 'utf8' })
    .map((name) => join(INTEGRATION, name))
    .filter((file) => file.endsWith('.test.ts'))
    .filter((file) => {
      const [, names] = /^\/\/ Runs on ([a-z0-9, ]+):/m.exec(readFileSync(file, 'utf8')) ?? [];
      return names !== undefined && runtime !== '' && !names.split(', ').includes(runtime);
    });
}

export default defineConfig({
  test: {
    include: ['test/unit/**/*.test.ts', `${INTEGRATION}/**/*.test.ts`],
    exclude: [...configDefaults.exclude, ...filesOfOtherRuntimes()],
    // Starting nginx in a container takes half a second, and much more on a busy machine.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    watch: false,
  },
});
