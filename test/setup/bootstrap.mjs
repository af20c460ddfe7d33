// Runs one of the project's TypeScript programs on a machine that has nothing but Node:
// node test/setup/bootstrap.mjs SCRIPT [ARGUMENT…]
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const OLDEST_NODE = [20, 19];
/** Says which package-lock.json node_modules was installed from; goes with node_modules. */
const STAMP = 'node_modules/.installed-from';

process.chdir(fileURLToPath(new URL('../..', import.meta.url)));
checkNode();
installPackages();
await start();

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST_NODE;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  console.error(
    `This needs Node.js ${OLDEST_NODE.join('.')} or later; here is ${process.version}.`,
  );
  process.exit(1);
}

function installPackages() {
  const lock = createHash('sha256').update(readFileSync('package-lock.json')).digest('hex');
  if (readStamp() === lock) return;
  console.log('Installing the npm packages (npm ci) …');
  // With the development packages, whatever NODE_ENV says: the project has no others.
  const { status } = spawnSync('npm', ['ci', '--include=dev'], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
  writeFileSync(STAMP, lock);
}

function readStamp() {
  try {
    return readFileSync(STAMP, 'utf8');
  } catch {
    return undefined;
  }
}

/** In this process, so that there is none between the terminal and the program: it gets the signals. */
async function start() {
  const [node = '', , script = '', ...args] = process.argv;
  const { register } = await import('tsx/esm/api');
  register();
  process.argv = [node, resolve(script), ...args];
  await import(pathToFileURL(resolve(script)).href);
}
