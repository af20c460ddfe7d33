import { randomUUID } from 'node:crypto';
import { run } from '../setup/command.js';
import { networkIsRemoved, ownerLabel, removeNetworkAtExit } from './leftovers.js';

/** In which containers find each other by name. It goes with `stop`, or when this process ends. */
export interface Network {
  /** @param aliases the container's names there */
  join: (containerId: string, ...aliases: string[]) => Promise<void>;
  /** For when no container runs in it any more. */
  stop: () => Promise<void>;
}

/** The resolver that a container of a network has: Docker's own. */
export const RESOLVER = '127.0.0.11';

export async function startNetwork(): Promise<Network> {
  const name = `njs-cert-rotation-${randomUUID()}`;
  const labels = Object.entries(ownerLabel()).map(([label, value]) => `--label=${label}=${value}`);
  removeNetworkAtExit(name);
  await run('docker', ['network', 'create', ...labels, name]);
  return {
    join: async (containerId, ...aliases) => {
      const options = aliases.map((alias) => `--alias=${alias}`);
      await run('docker', ['network', 'connect', ...options, name, containerId]);
    },
    stop: async () => {
      await run('docker', ['network', 'rm', name]);
      networkIsRemoved(name);
    },
  };
}
