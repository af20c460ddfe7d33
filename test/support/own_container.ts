import { ownerLabel, removeContainerAtExit } from './leftovers.js';

// Read when the library is loaded. The reaper's image cannot be pulled everywhere: see leftovers.ts.
process.env['TESTCONTAINERS_RYUK_DISABLED'] = 'true';
const { GenericContainer } = await import('testcontainers');

/** A container that goes when this process ends. */
export class OwnContainer extends GenericContainer {
  constructor(image: string) {
    super(image);
    this.withLabels(ownerLabel());
  }

  protected override containerCreated(id: string): Promise<void> {
    removeContainerAtExit(id);
    return Promise.resolve();
  }
}
