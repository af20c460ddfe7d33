import type { Server } from './server.js';

/** How much of the zone of the certificates is in pages that nothing has taken yet, in bytes. */
export async function freeBytes({ nginx }: Server): Promise<number> {
  const { body } = await nginx.admin('/metrics');
  const bytes = /^cert_rotation_zone_free_bytes\{zone="certs"\} (\d+)$/m.exec(body)?.[1];
  if (bytes === undefined) throw new Error(`No free space in /metrics: ${body.slice(0, 500)}`);
  return Number(bytes);
}
