import { canInstallPackages, installPackages } from './apt.js';
import { message, succeeds, SetUpError } from './command.js';

type Program = [name: string, question: string];

/** What the tests use as TLS clients and as oracles, and how to ask whether it is there. */
const CLIENTS: Program[] = [
  ['openssl', 'version'],
  ['curl', '--version'],
];

/** What not every system has. A test that wants it says that it is skipped. */
const OBSERVERS: Program[] = [['strace', '-V']];

/** Sees to the programs that the tests call. Throws a SetUpError where a client is missing and cannot be installed. */
export async function setUpClients(): Promise<void> {
  const clients = await missing(CLIENTS);
  const observers = await missing(OBSERVERS);
  if (canInstallPackages()) {
    if (clients.length > 0) await installPackages(clients);
    if (observers.length > 0) {
      await installPackages(observers).catch((error: unknown) => {
        console.log(message(error));
      });
    }
  } else if (clients.length > 0) {
    throw new SetUpError(`The tests call ${clients.join(' and ')}: install that first.`);
  }
}

async function missing(programs: Program[]): Promise<string[]> {
  const found = await Promise.all(programs.map(([name, question]) => succeeds(name, [question])));
  return programs.filter((_, i) => !found[i]).map(([name]) => name);
}
