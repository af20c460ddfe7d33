import { count } from '../counters';
import { filesOf, identify } from '../disk';
import { etcdOf } from '../etcd/gateway';
import type { Lookup } from '../load';
import { recover } from '../persist';
import { drop } from '../placing';
import { refuse } from '../refusal';
import { scanNow } from '../scan';
import { rsaKey, slotsOf } from '../slot';
import { variablesOf } from '../settings';
import type { Zone } from '../store';
import { handle } from './handle';
import { findAllHeld, tagOf } from './held';
import { withLocksIfRoom } from './locked';
import { nameInPath } from './name';
import { expectPrecondition } from './precondition';
import { answerJson } from './problem';
import { deleteThrough } from '../etcd/through';

/**
 * `DELETE /certs/NAME`: drops what is held under a name, in both its slots, and with `$cert_persist on` its files
 * too. Without, files that are there are loaded again by the next handshake.
 *
 * With `$cert_etcd` it is deleted there first: see through.ts.
 *
 * Answers 200 `{"deleted":NAME}`; 404 where nothing is held, and no file is to be removed.
 */
export async function delete_cert(r: NginxHTTPRequest): Promise<void> {
  await handle(r, ['DELETE'], async (lookup) => {
    const { zone } = lookup;
    const name = nameInPath(r) || refuse('malformed', 'The path needs a name: /certs/NAME.');
    if (!zone) return refuse('not-found', `Nothing is held under ${name}: there is no zone.`);
    const etcd = etcdOf(variablesOf(r), zone);
    const answer: { deleted: string; revision?: number } = { deleted: name };
    if (etcd) answer.revision = await deleteThrough(r, lookup, etcd, name);
    else await deleteHere(r, lookup, zone, name);
    // What is left in the folder is served again.
    await scanNow(r);
    count(zone, 'deletes_total', '');
    r.log(`cert_rotation: ${name}: deleted by ${r.remoteAddress}`);
    answerJson(r, 200, answer);
  });
}

async function deleteHere(
  r: NginxHTTPRequest,
  { settings }: Lookup,
  zone: Zone,
  name: string,
): Promise<void> {
  const slots = [name, rsaKey(name)];
  await withLocksIfRoom(zone, slots, () => {
    const held = findAllHeld(zone, settings, name)[0];
    const persisted = settings.isPersistent ? slotsOf(settings, name) : [];
    const files = persisted.map((slot) => filesOf(settings, slot));
    files.forEach(recover);
    expectPrecondition(r, name, () => tagOf(held));
    if (!held && files.every((one) => identify(one) === '')) {
      refuse('not-found', `Nothing is held under ${name}.`);
    }
    drop(settings, zone, slots, persisted);
  });
}
