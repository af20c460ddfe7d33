import { syncNames } from '../certs/sync';
import { slotPaths } from '../config/paths';
import { type Settings, zoneName } from '../config/settings';
import { isFileKey, isRsaKey, nameOf } from '../config/slot';
import { refuse } from '../engine/refusal';
import { type Variables, variablesOf } from '../engine/session';
import { succeededAt } from '../etcd/backoff';
import { etcdOf } from '../etcd/client';
import { findPosition, sinceOf } from '../etcd/position';
import { readScanState } from '../scan/state';
import { type Counts, type Family, countsOf, refusalLabels, seriesOf } from '../zone/counters';
import { type Zone, spaceOf } from '../zone/dict';
import { MISSES_SUFFIX } from '../zone/misses';
import { eachSlice, findSummary, keysOf } from '../zone/slots';
import { type Summary, readSummary } from '../zone/summary';
import { headOf, sample } from './exposition';
import { CODES } from './problems';
import { handle } from './request';
import { isJudgedByNginx } from './response';

// The metrics in the text format of Prometheus, version 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/). That
// format wants all samples of a family in one group.

const TYPE = 'text/plain; version=0.0.4; charset=utf-8';

const PAIR_CODES = [
  'malformed',
  'key-mismatch',
  'expired',
  'name-not-covered',
  'encrypted-key',
  'weak',
  'unsupported-key',
  'bad-chain',
];
const DISK_CODES = PAIR_CODES.concat('unreadable');
const ETCD_CODES = PAIR_CODES.concat('bad-seal', 'zone-full', 'store-failed', 'internal');

/** All series are there from the start: Prometheus does not see the first event of a series that appears with it. */
const COUNTERS: { family: Family; help: string; labels: string[] }[] = [
  {
    family: 'loads_total',
    help: 'Pairs read from files, by result.',
    labels: ['result="loaded"', 'result="unchanged"', 'result="refused"'],
  },
  {
    family: 'puts_total',
    help: 'Pairs put through the API.',
    labels: ['result="created"', 'result="replaced"'],
  },
  { family: 'deletes_total', help: 'Names deleted through the API.', labels: [''] },
  {
    family: 'clears_total',
    help: 'Clears, of all names or of one.',
    labels: ['scope="all"', 'scope="name"'],
  },
  {
    family: 'store_failures_total',
    help: 'Pairs that went to nginx as text, since the store could not be written.',
    labels: [''],
  },
  {
    family: 'refusals_total',
    help: 'Refused files, requests and values of etcd, by code.',
    labels: DISK_CODES.map((code) => refusalLabels('disk', code)).concat(
      CODES.map((code) => refusalLabels('api', code)),
      ETCD_CODES.map((code) => refusalLabels('etcd', code)),
    ),
  },
];

/**
 * `GET /metrics`: the state of every name, the counters, and the space in the zones, in Prometheus' text format. The answer is
 * sent in pieces, so that handshakes do not wait until 10,000 names are written.
 */
export async function metrics(r: NginxHTTPRequest): Promise<void> {
  await handle(r, ['GET'], async (context) => {
    const { zone, misses, settings } = context;
    if (isJudgedByNginx(r)) {
      refuse(
        'precondition-failed',
        'Metrics have no entity tag. Send the request without conditions.',
      );
    }
    await syncNames(context);
    const keys = zone ? keysOf(zone) : [];
    const counts = zone ? countsOf(zone, keys) : {};
    r.status = 200;
    r.headersOut['Content-Type'] = TYPE;
    r.sendHeader();
    if (zone) await sendNames(r, zone, keys, settings);
    r.send(countersText(counts));
    r.send(zonesText(zoneName(variablesOf(r)), zone, misses));
    if (zone) r.send(etcdText(variablesOf(r), zone, misses));
    r.finish();
  });
}

/** The label that distinguishes the series of a name's RSA slot. */
const RSA_LABEL = ',slot="rsa"';

/** What the metrics count of the names and files, beside the lines that are sent at once. */
interface Tally {
  first: States;
  rsa: States;
  problems: string[];
  files: States;
  fileProblems: string[];
}

/** Sends the expiry of each certificate in slices, then the states of the names. */
async function sendNames(
  r: NginxHTTPRequest,
  zone: Zone,
  keys: string[],
  settings: Settings,
): Promise<void> {
  const hasRsaSlot = settings.certFileRsa !== '';
  const tally: Tally = {
    first: noStates(),
    rsa: noStates(),
    problems: [],
    files: noStates(),
    fileProblems: [],
  };
  r.send(
    headOf(
      'certificate_not_after_seconds',
      'gauge',
      'Expiry of the current certificate, in seconds since 1970.',
    ),
  );
  await eachSlice(keys, (slots) => {
    const lines = slots.map((slot) => {
      // The record of an RSA slot may stay from before a reload that removed the slot. It is not served.
      const text = isRsaKey(slot) && !hasRsaSlot ? '' : findSummary(zone, slot);
      return text ? expiryOf(slot, readSummary(text), settings, tally) : '';
    });
    const text = lines.join('');
    if (text) r.send(text);
  });
  r.send(namesText(tally, hasRsaSlot) + (settings.scan ? filesText(zone, tally) : ''));
}

/**
 * Counts one slot.
 *
 * @returns the line of its expiry; '' for a file, and for a slot without a pair
 */
function expiryOf(slot: string, summary: Summary, settings: Settings, tally: Tally): string {
  const { isPair, notAfter, problem } = summary;
  if (isFileKey(slot)) {
    tally.files[stateOf(summary)]++;
    if (problem) tally.fileProblems.push(fileProblem(slotPaths(settings, slot).cert, summary));
    return '';
  }
  const name = nameOf(slot);
  const which = isRsaKey(slot) ? RSA_LABEL : '';
  const held = isPair ? 'yes' : 'no';
  if (problem) {
    const labels = `name="${name}",code="${problem}",held="${held}"${which}`;
    tally.problems.push(sample(`certificate_problem{${labels}}`, 1));
  }
  (isRsaKey(slot) ? tally.rsa : tally.first)[stateOf(summary)]++;
  return isPair ? sample(`certificate_not_after_seconds{name="${name}"${which}}`, notAfter) : '';
}

function stateOf({ isPair, notAfter, problem }: Summary): keyof States {
  if (!isPair) return 'refused';
  return notAfter < Date.now() / 1000 ? 'expired' : problem ? 'last-good' : 'ok';
}

function namesText({ first, rsa, problems }: Tally, hasRsaSlot: boolean): string {
  return (
    headOf(
      'certificate_problem',
      'gauge',
      'The newest pair of a name was refused; held: whether an older pair is served.',
    ) +
    problems.join('') +
    headOf('names', 'gauge', 'Names in the zone, by state; refused: without a pair to serve.') +
    statesText('names', first, '') +
    (hasRsaSlot ? statesText('names', rsa, RSA_LABEL) : '')
  );
}

function fileProblem(file: string, { isPair, problem }: Summary): string {
  const held = isPair ? 'yes' : 'no';
  return sample(`file_problem{file="${escaped(file)}",code="${problem}",held="${held}"}`, 1);
}

/** The metrics of `$cert_scan`. */
function filesText(zone: Zone, { files, fileProblems: problems }: Tally): string {
  const state = readScanState(zone);
  return (
    headOf('files', 'gauge', 'Certificates that the scan has found, by state.') +
    statesText('files', files, '') +
    headOf(
      'file_problem',
      'gauge',
      'A scanned file was refused; held: whether its older pair is served.',
    ) +
    problems.join('') +
    headOf('scan_began_seconds', 'gauge', 'Start of the latest scan, in seconds since 1970.') +
    sample('scan_began_seconds', state ? Math.floor(state.began / 1000) : 0) +
    headOf('scan_pending', 'gauge', 'Files that the latest scan has not looked at yet.') +
    sample('scan_pending', state ? state.count - state.done : 0) +
    headOf(
      'scan_failed',
      'gauge',
      '1 where the latest scan could not list the folder or store all names.',
    ) +
    sample('scan_failed', state?.fault ? 1 : 0)
  );
}

type States = Record<'ok' | 'last-good' | 'expired' | 'refused', number>;

function noStates(): States {
  return { ok: 0, 'last-good': 0, expired: 0, refused: 0 };
}

function statesText(metric: string, states: States, which: string): string {
  return Object.keys(states)
    .map((state) => sample(`${metric}{state="${state}"${which}}`, states[state as keyof States]))
    .join('');
}

function countersText(counts: Counts): string {
  return COUNTERS.map(({ family, help, labels }) => {
    const samples = labels.map((labelled) => {
      const series = seriesOf(family, labelled);
      return sample(series, counts[series] || 0);
    });
    return headOf(family, 'counter', help) + samples.join('');
  }).join('');
}

function zonesText(name: string, zone: Zone | undefined, misses: Zone | undefined): string {
  const zones = zone ? [{ label: labelOf(name), space: spaceOf(zone) }] : [];
  if (misses) zones.push({ label: labelOf(name + MISSES_SUFFIX), space: spaceOf(misses) });
  return (
    headOf('zone_capacity_bytes', 'gauge', 'Size of a shared dictionary.') +
    zones
      .map(({ label, space }) => sample(`zone_capacity_bytes${label}`, space.capacity))
      .join('') +
    headOf('zone_free_bytes', 'gauge', 'Free pages of a shared dictionary, in bytes.') +
    zones.map(({ label, space }) => sample(`zone_free_bytes${label}`, space.free)).join('')
  );
}

/** The label of a zone, escaped, because nginx accepts any name for a zone. */
function labelOf(zone: string): string {
  return `{zone="${escaped(zone)}"}`;
}

function escaped(text: string): string {
  return text.replace(/[\\"]/g, '\\$&').replace(/\n/g, '\\n');
}

/** The metrics of following etcd; '' where `$cert_etcd` is not set. */
export function etcdText(variables: Variables, zone: Zone, misses: Zone | undefined): string {
  const etcd = etcdOf(variables, zone);
  if (!etcd) return '';
  const progress = findPosition(etcd);
  return (
    headOf(
      'etcd_last_success_seconds',
      'gauge',
      'When a round of following etcd last succeeded, in seconds since 1970; 0: never.',
    ) +
    sample('etcd_last_success_seconds', succeededAt(zone, misses, progress) / 1000) +
    headOf('etcd_revision', 'gauge', 'The revision of etcd up to which all changes are served.') +
    sample('etcd_revision', progress ? sinceOf(progress) : 0)
  );
}
