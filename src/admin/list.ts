import type { Context } from '../certs/context';
import { type Held, findAllHeld } from '../certs/held';
import { chainIn } from '../certs/pem_of_record';
import { syncNames } from '../certs/sync';
import { slotPaths } from '../config/paths';
import type { Settings } from '../config/settings';
import { rsaKey } from '../config/slot';
import { refuse } from '../engine/refusal';
import { timeSlicer } from '../engine/yielding';
import { normaliseWithWildcard } from '../x509/server_name';
import type { Zone } from '../zone/dict';
import { readMeta } from '../zone/record';
import { findRecord } from '../zone/slots';
import { type Entry, entryOf } from './entry';
import { filePage } from './files';
import { namesAfter } from './pages';
import { entityTag } from './preconditions';
import { handle, nameInPath } from './request';
import { answer, answerJson } from './response';

const DEFAULT_LIMIT = 100;
const LARGEST_LIMIT = 1000;

const CHAIN_TYPE = 'application/pem-certificate-chain';

/**
 * Lists certificates. No answer contains a private key.
 *
 * - `GET /certs/`: all names' certificates in pages, as `{"certs":[…],"next":NAME}`. `next` is the value of `?after=` for the next
 *   page, or null. `?limit=` is 100 by default, and at most 1000.
 * - `GET /certs/NAME`: one name's certificate, with its entity tag, or its chain as PEM where the request has
 *   `Accept: application/pem-certificate-chain`.
 * - `GET /certs/?files`: the scanned files, including refused ones, in such pages.
 */
export async function list_certs(r: NginxHTTPRequest): Promise<void> {
  await handle(r, ['GET'], async (context) => {
    const name = nameInPath(r);
    if (name) answerOne(r, context, name);
    else if (r.args['files'] !== undefined) await answerFiles(r, context);
    else await answerPage(r, context);
  });
}

function answerOne(r: NginxHTTPRequest, context: Context, name: string): void {
  const { zone, settings } = context;
  const held = zone ? findAllHeld(context, name) : [];
  const first = held[0];
  if (!first) {
    const why = zone ? reasonOf(zone, name) || reasonOf(zone, rsaKey(name)) : '';
    return refuse('not-found', `Nothing is held under ${name}.${why}`);
  }
  const entry = entryOfName(settings, name, first, held[1]);
  r.headersOut['ETag'] = entityTag(entry.fingerprint_sha256);
  r.headersOut['Vary'] = 'Accept';
  if (wantsChain(r.headersIn['Accept'] || '')) {
    r.headersOut['Content-Type'] = CHAIN_TYPE;
    answer(r, 200, chainIn(first.record));
  } else {
    answerJson(r, 200, entry);
  }
}

/** The reason why a slot has no pair, as a sentence; '' where no pair for it was refused. */
function reasonOf(zone: Zone, slot: string): string {
  const meta = readMeta(findRecord(zone, slot) || '');
  if (!meta || !meta.problem) return '';
  const subject = meta.source === 'etcd' ? 'Its value in etcd was' : 'Its files were';
  return ` ${subject} refused, ${meta.problem.code}: ${meta.problem.detail}.`;
}

/** Describes the first pair of a name, and inside that its other pair. */
function entryOfName(
  settings: Settings,
  name: string,
  first: Held,
  other: Held | undefined,
): Entry {
  const entry = entryOfHeld(settings, name, first);
  if (other) entry.rsa = entryOfHeld(settings, name, other);
  return entry;
}

function entryOfHeld(settings: Settings, name: string, { record, meta, file }: Held): Entry {
  const entry = entryOf(name, record, meta);
  if (file !== undefined) entry.file = slotPaths(settings, file).cert;
  return entry;
}

/** Whether a client accepts the chain's media type by name, and does not prefer JSON (RFC 9110, 12.5.1). */
function wantsChain(accept: string): boolean {
  const weight = weightOf(accept, CHAIN_TYPE);
  return weight > 0 && weight >= weightOf(accept, 'application/json');
}

/** @returns the weight of a media type in an `Accept` header; 0 where it is not named, or not acceptable */
function weightOf(accept: string, type: string): number {
  const ranges = accept.toLowerCase().replace(/\s/g, '').split(',');
  const range = ranges.filter((one) => one.split(';')[0] === type)[0];
  if (range === undefined) return 0;
  const weight = /;q=([0-9.]+)/.exec(range);
  return weight ? +(weight[1] as string) : 1;
}

async function answerPage(r: NginxHTTPRequest, context: Context): Promise<void> {
  const { zone } = context;
  await syncNames(context);
  const limit = limitOf(r.args['limit']);
  const after = afterOf(r.args['after']);
  const certs: Entry[] = [];
  let next: string | null = after;
  while (zone && next !== null && certs.length < limit) {
    next = await addEntries(certs, context, zone, next, limit);
  }
  answerJson(r, 200, { certs, next: zone ? next : null });
}

/**
 * Adds the entries of the next names, until there are `limit` entries or no more names. There may be fewer, since names without a
 * pair have no entry.
 *
 * @param after the name before
 * @returns the last name that was read; null where no name follows
 */
async function addEntries(
  certs: Entry[],
  context: Context,
  zone: Zone,
  after: string,
  limit: number,
): Promise<string | null> {
  const wanted = limit - certs.length;
  // The name after the page tells whether there is a next one.
  const following = await namesAfter(zone, after, wanted + 1);
  const names = following.slice(0, wanted);
  const yieldIfDue = timeSlicer();
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string;
    // The name may have changed, or be gone, since the names were listed.
    const [first, other] = findAllHeld(context, name);
    try {
      if (first) certs.push(entryOfName(context.settings, name, first, other));
    } catch (e) {
      // A damaged version is no reason to leave out the other names.
      context.r.error(`cert_rotation: ${name}: ${(e as Error).message}`);
    }
    await yieldIfDue();
  }
  return following.length > wanted ? (names[wanted - 1] as string) : null;
}

async function answerFiles(r: NginxHTTPRequest, context: Context): Promise<void> {
  const { zone, settings } = context;
  await syncNames(context);
  const limit = limitOf(r.args['limit']);
  const argument: unknown = r.args['after'];
  const after = typeof argument === 'string' ? argument : '';
  answerJson(
    r,
    200,
    zone ? await filePage(zone, settings, after, limit) : { files: [], next: null },
  );
}

function limitOf(argument: unknown): number {
  if (argument === undefined) return DEFAULT_LIMIT;
  const limit = typeof argument === 'string' && /^[0-9]+$/.test(argument) ? +argument : 0;
  if (!(limit >= 1 && limit <= LARGEST_LIMIT)) {
    refuse('malformed', `limit= takes a number from 1 to ${LARGEST_LIMIT}.`);
  }
  return limit;
}

function afterOf(argument: unknown): string {
  if (argument === undefined || argument === '') return '';
  const after = typeof argument === 'string' ? normaliseWithWildcard(argument) : '';
  return after || refuse('malformed', 'after= takes a server name or a wildcard.');
}
