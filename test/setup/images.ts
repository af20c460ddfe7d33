import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { canInstallPackages, installPackages } from './apt.js';
import { lastLines, message, run, SetUpError, succeeds, timed } from './command.js';
import { RECIPES, type Recipe } from './runtimes.js';

/** How long a registry may stay silent, in milliseconds. */
const REGISTRY_PATIENCE_MS = 20_000;

/**
 * Makes images available: builds what has a recipe and pulls the others.
 *
 * @param optional further images, whose build may fail
 * @returns those that cannot be had on this machine; a line of output says why
 */
export async function setUpImages(images: string[], optional: string[] = []): Promise<Set<string>> {
  const missing = new Set<string>();
  for (const image of [...images, ...optional]) {
    if (!(await succeeds('docker', ['image', 'inspect', image]))) missing.add(image);
  }
  const recipes = RECIPES.filter((recipe) => missing.has(recipe.image));
  const toPull = [...missing].filter((image) => !recipes.some((recipe) => recipe.image === image));
  if (recipes.length > 0 && (await setUpBuilder())) {
    // Each of them waits for the network half of its time.
    const builds = recipes.map(async (recipe) => {
      try {
        await build(recipe);
        missing.delete(recipe.image);
      } catch (error) {
        if (!optional.includes(recipe.image)) throw error;
        console.log(message(error));
      }
    });
    await Promise.all(builds);
  }
  for (const image of toPull) {
    if (await pull(image)) missing.delete(image);
  }
  return missing;
}

/** Sees to mmdebstrap; false, with a line of output, where it is missing and cannot be installed. */
async function setUpBuilder(): Promise<boolean> {
  if (await succeeds('mmdebstrap', ['--version'])) return true;
  if (!canInstallPackages()) {
    console.log(
      "Building Debian's nginx into an image needs mmdebstrap: as root on Debian or Ubuntu.",
    );
    return false;
  }
  // Ubuntu's own keyring does not know Debian's signatures.
  await installPackages(['mmdebstrap', 'debian-archive-keyring']);
  return true;
}

/** Throws a SetUpError where the build fails; nothing has the image's name then. */
async function build({ image, suite, packages, mmdebstrapOptions }: Recipe): Promise<void> {
  await timed(`Building ${image} from Debian's packages`, async () => {
    const include = `--include=${packages.join(',')}`;
    const args = ['--variant=apt', include, ...mmdebstrapOptions, suite, '-'];
    const maker = spawn('mmdebstrap', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    // Without a name: what a failed build leaves behind must not pass for the image.
    const importer = spawn('docker', ['import', '-'], { stdio: ['pipe', 'pipe', 'pipe'] });
    const [id, complaints, , ...codes] = await Promise.all([
      text(importer.stdout),
      Promise.all([text(maker.stderr), text(importer.stderr)]),
      pipeline(maker.stdout, importer.stdin).catch(() => undefined),
      exitCode(maker),
      exitCode(importer),
    ]);
    if (codes.some((code) => code !== 0)) {
      if (id.trim()) await run('docker', ['image', 'rm', id.trim()]);
      throw new SetUpError(`${image} cannot be built:\n${complaints.map(lastLines).join('\n')}`);
    }
    await run('docker', ['tag', id.trim(), image]);
  });
}

async function exitCode(child: ReturnType<typeof spawn>): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
}

/** False, with a line of output that says why, where the image cannot be pulled. */
async function pull(image: string): Promise<boolean> {
  try {
    await timed(`Pulling ${image}`, () =>
      run('docker', ['pull', image], { firstOutputMs: REGISTRY_PATIENCE_MS }),
    );
    return true;
  } catch (error) {
    console.log(message(error));
    return false;
  }
}
