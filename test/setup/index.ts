import { sweepLeftovers } from '../support/leftovers.js';
import { SetUpError } from './command.js';
import { setUpEngine } from './engine.js';
import { setUpImages } from './images.js';
import { findRuntime, imageOf, runtimeNames, type Runtime } from './runtimes.js';

/**
 * Makes this machine ready to run nginx in containers and says what it does: a container engine, the
 * runtimes' images, nothing left of a run that was killed.
 *
 * @param wanted the names of the runtimes that are needed; absent: all that can be had on this machine
 * @param optional further images to build, which may be missing in the end; a line of output says so
 * @returns the runtimes that are ready. Throws a SetUpError where one that is needed is not, or none is.
 */
export async function setUp(wanted?: string[], optional: string[] = []): Promise<Runtime[]> {
  const names = wanted ?? runtimeNames;
  const images = names.map(imageOf);
  await setUpEngine();
  sweepLeftovers();
  const missing = await setUpImages(images, optional);
  const ready = names.filter((name) => !missing.has(imageOf(name)));
  const leftOut = names.filter((name) => missing.has(imageOf(name)));
  if (ready.length === 0 || (wanted && leftOut.length > 0)) {
    throw new SetUpError(`No image for ${leftOut.join(', ')} can be had here.`);
  }
  for (const name of leftOut) console.log(`Left out: the runtime "${name}".`);
  for (const image of optional.filter((name) => missing.has(name)))
    console.log(`Left out: the tests that need ${image}.`);
  return ready.map(findRuntime);
}

/**
 * The same for one runtime: the first of some that can be had on this machine.
 * Throws a SetUpError where none of them can.
 */
export async function setUpFirstOf(names: string[]): Promise<Runtime> {
  await setUpEngine();
  sweepLeftovers();
  for (const name of names) {
    const missing = await setUpImages([imageOf(name)]);
    if (missing.size === 0) return findRuntime(name);
  }
  throw new SetUpError(`No image for ${names.join(' or ')} can be had here.`);
}

/** The same for images that are all needed. Throws a SetUpError where one of them cannot be had on this machine. */
export async function setUpAll(images: string[]): Promise<void> {
  await setUpEngine();
  sweepLeftovers();
  const missing = await setUpImages(images);
  if (missing.size > 0)
    throw new SetUpError(`No image ${[...missing].join(', ')} can be had here.`);
}
