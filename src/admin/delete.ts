import { count } from '../counters';
import { filesOf, identify } from '../disk';
import { recover, takeOut, together } from '../persist';
import { refuse } from '../refusal';
import { scanNow } from '../scan';
import { rsaKey, slotsOf } from '../slot';
import { remove } from '../store';
import { handle } from './handle';
import { findAllHeld, tagOf } from './held';
import { withLocks } from './locked';
import { nameInPath } from './name';
import { expectPrecondition } from './precondition';
import { answerJson } from './problem';

/**
 * `DELETE /certs/NAME`: drops what is held under a name, in both its slots, and with `$cert_persist on` its files
 * too. Without, files that are there are loaded again by the next handshake.
 *
 * Answers 200 `{"deleted":NAME}`; 404 where nothing is held, and no file is to be removed.
 */
export async function delete_cert(r: NginxHTTPRequest): Promise<void> {
  await handle(r, ['DELETE'], async (lookup) => {
    const { zone, settings } = lookup;
    const name = nameInPath(r) || refuse('malformed', 'The path needs a name: /certs/NAME.');
    if (!zone) return refuse('not-found', `Nothing is held under ${name}: there is no zone.`);
    const slots = [name, rsaKey(name)];
    await withLocks(zone, slots, () => {
      const held = findAllHeld(zone, settings, name)[0];
      const files = (settings.isPersistent ? slotsOf(settings, name) : []).map((slot) =>
        filesOf(settings, slot),
      );
      files.forEach(recover);
      expectPrecondition(r, name, () => tagOf(held));
      if (!held && files.every((one) => identify(one) === '')) {
        refuse('not-found', `Nothing is held under ${name}.`);
      }
      together(files.map((one) => () => takeOut(one))).commit();
      slots.forEach((slot) => {
        remove(zone, slot);
      });
    });
    // What is left in the folder is served again.
    await scanNow(r);
    count(zone, 'deletes_total', '');
    r.log(`cert_rotation: ${name}: deleted by ${r.remoteAddress}`);
    answerJson(r, 200, { deleted: name });
  });
}
