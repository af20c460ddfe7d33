import { count } from '../counters';
import { filesOf, identify } from '../disk';
import { recover, takeOut } from '../persist';
import { refuse } from '../refusal';
import { remove } from '../store';
import { handle } from './handle';
import { findHeld, tagOf } from './held';
import { withLocks } from './locked';
import { nameInPath } from './name';
import { expectPrecondition } from './precondition';
import { answerJson } from './problem';

/**
 * `DELETE /certs/NAME`: drops what is held under a name, and with `$cert_persist on` the name's files too. Without, files
 * that are there are loaded again by the next handshake.
 *
 * Answers 200 `{"deleted":NAME}`; 404 where nothing is held, and no file is to be removed.
 */
export async function delete_cert(r: NginxHTTPRequest): Promise<void> {
  await handle(r, ['DELETE'], async (lookup) => {
    const { zone, settings } = lookup;
    const name = nameInPath(r) || refuse('malformed', 'The path needs a name: /certs/NAME.');
    if (!zone) return refuse('not-found', `Nothing is held under ${name}: there is no zone.`);
    await withLocks(zone, [name], () => {
      const held = findHeld(zone, name);
      const files = filesOf(settings, name);
      if (settings.isPersistent) recover(files);
      const hasFiles = settings.isPersistent && identify(files) !== '';
      expectPrecondition(r, name, tagOf(held));
      if (!held && !hasFiles) refuse('not-found', `Nothing is held under ${name}.`);
      if (settings.isPersistent) takeOut(files);
      remove(zone, name);
    });
    count(zone, 'deletes_total', '');
    r.log(`cert_rotation: ${name}: deleted by ${r.remoteAddress}`);
    answerJson(r, 200, { deleted: name });
  });
}
