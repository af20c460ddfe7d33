import { canInstallPackages, installPackages } from './apt.js';
import { succeeds, SetUpError } from './command.js';

/** What the tests use as TLS clients and as oracles, and how to ask whether it is there. */
const CLIENTS: [string, string][] = [
  ['openssl', 'version'],
  ['curl', '--version'],
];

/** Sees to the programs that the tests call. Throws a SetUpError where one is missing and cannot be installed. */
export async function setUpClients(): Promise<void> {
  const missing: string[] = [];
  for (const [program, question] of CLIENTS) {
    if (!(await succeeds(program, [question]))) missing.push(program);
  }
  if (missing.length === 0) return;
  if (!canInstallPackages()) {
    throw new SetUpError(`The tests call ${missing.join(' and ')}: install that first.`);
  }
  await installPackages(missing);
}
