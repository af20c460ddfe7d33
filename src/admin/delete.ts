import type { Context } from '../certs/context';
import { findAllHeld, fingerprintOfHeld } from '../certs/held';
import { expectStore, removePair } from '../certs/install';
import { rsaKey } from '../config/slot';
import { refuse } from '../engine/refusal';
import { variablesOf } from '../engine/session';
import { etcdOf } from '../etcd/client';
import { deleteThrough } from '../etcd/write_through';
import { scanNow } from '../scan/scan';
import { count } from '../zone/counters';
import type { Zone } from '../zone/dict';
import { withLocksIfRoom } from '../zone/locks';
import { conditionsOf } from './preconditions';
import { handle, nameInPath } from './request';
import { answerJson } from './response';

/**
 * `DELETE /certs/NAME`: removes the pairs of a name from both its slots, and from the store. The next handshake reads the
 * name's files again, if there are any.
 *
 * With `$cert_etcd` the name is deleted in etcd first: see write_through.ts.
 *
 * Answers 200 `{"deleted":NAME}`, with etcd also the `revision` of the delete; 404 where there is no pair.
 */
export async function delete_cert(r: NginxHTTPRequest): Promise<void> {
  await handle(r, ['DELETE'], async (context) => {
    const { zone } = context;
    const name = nameInPath(r) || refuse('malformed', 'The path needs a name: /certs/NAME.');
    if (!zone) return refuse('not-found', `Nothing is held under ${name}: there is no zone.`);
    const etcd = etcdOf(variablesOf(r), zone);
    const answer: { deleted: string; revision?: number } = { deleted: name };
    if (etcd) answer.revision = await deleteThrough(context, conditionsOf(r), etcd, name);
    else await deleteHere(r, context, zone, name);
    // A pair that the scan finds in the folder serves the name from now on.
    await scanNow(r);
    count(zone, 'deletes_total', '');
    r.log(`cert_rotation: ${name}: deleted by ${r.remoteAddress}`);
    answerJson(r, 200, answer);
  });
}

async function deleteHere(
  r: NginxHTTPRequest,
  context: Context,
  zone: Zone,
  name: string,
): Promise<void> {
  const slots = [name, rsaKey(name)];
  await withLocksIfRoom(zone, slots, () => {
    const held = findAllHeld(context, name)[0];
    const conditions = conditionsOf(r);
    if (conditions.isConditional) conditions.check(name, fingerprintOfHeld(held));
    expectStore(context, zone, slots);
    if (!held) refuse('not-found', `Nothing is held under ${name}.`);
    removePair(context, zone, slots);
  });
}
