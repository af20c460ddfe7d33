import type { Server } from './server.js';

/**
 * How many bytes a name takes in the zone of the certificates, by the pages that are taken.
 *
 * @param visit has the server take each name into it
 */
export async function bytesPerName(server: Server, visit: () => Promise<void>): Promise<number> {
  const before = await freeBytes(server);
  await visit();
  return (before - (await freeBytes(server))) / server.names;
}

/** How much of the zone of the certificates is in pages that nothing has taken yet, in bytes. */
export async function freeBytes({ nginx }: Pick<Server, 'nginx'>): Promise<number> {
  const { body } = await nginx.admin('/metrics');
  const bytes = /^cert_rotation_zone_free_bytes\{zone="certs"\} (\d+)$/m.exec(body)?.[1];
  if (bytes === undefined) throw new Error(`No free space in /metrics: ${body.slice(0, 500)}`);
  return Number(bytes);
}
