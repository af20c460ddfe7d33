import type { Context } from '../certs/context';
import { findAllHeld, fingerprintOfHeld } from '../certs/held';
import { removePair } from '../certs/install';
import { slotPaths } from '../config/paths';
import { rsaKey, slotsOf } from '../config/slot';
import { recover } from '../disk/persist';
import { stampOf } from '../disk/stamp';
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
 * `DELETE /certs/NAME`: drops what is held under a name, in both its slots, and with `$cert_persist on` its files
 * too. Without, files that are there are loaded again by the next handshake.
 *
 * With `$cert_etcd` it is deleted there first: see through.ts.
 *
 * Answers 200 `{"deleted":NAME}`; 404 where nothing is held, and no file is to be removed.
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
    // What is left in the folder is served again.
    await scanNow(r);
    count(zone, 'deletes_total', '');
    r.log(`cert_rotation: ${name}: deleted by ${r.remoteAddress}`);
    answerJson(r, 200, answer);
  });
}

async function deleteHere(
  r: NginxHTTPRequest,
  { settings }: Context,
  zone: Zone,
  name: string,
): Promise<void> {
  const slots = [name, rsaKey(name)];
  await withLocksIfRoom(zone, slots, () => {
    const held = findAllHeld(zone, settings, name)[0];
    const persisted = settings.isPersistent ? slotsOf(settings, name) : [];
    const files = persisted.map((slot) => slotPaths(settings, slot));
    files.forEach(recover);
    const conditions = conditionsOf(r);
    if (conditions.isConditional) conditions.check(name, fingerprintOfHeld(held));
    if (!held && files.every((one) => stampOf(one) === '')) {
      refuse('not-found', `Nothing is held under ${name}.`);
    }
    removePair(settings, zone, slots, persisted);
  });
}
