import { holdsPair, isPointer, readMeta } from './record';

/** What is to be known of many names. */
export interface Summary {
  /** Whether there is a pair to serve; of a file that a scan found, also one that the zone has no room for. */
  isPair: boolean;
  /** Seconds since 1970. */
  notAfter: number;
  /** Why its newest files are not served; '' where they are. */
  problem: string;
  /** As in `Facts`; '' where nothing came from etcd. */
  etcd: string;
}

/** What a scan has to know of a file that it found earlier. */
export interface FileSummary {
  /** Its identity. */
  files: string;
  names: string[];
  isRsa: boolean;
}

// No record begins like this: it must not pass for one.
const SUMMARY = '~';

const PAIR = '3';
const NO_PAIR = '2';

/**
 * A record's summary as text, for who reads many of them: a record is a hundred times as long. A pointer has none.
 *
 * @param isFile whether it is a file's that a scan found
 */
export function summaryOf(record: string, isFile: boolean): string {
  const meta = isPointer(record) ? null : readMeta(record);
  if (!meta) return '';
  const problem = meta.problem ? meta.problem.code : '';
  const pair = holdsPair(record) ? PAIR : NO_PAIR;
  const summary = `${SUMMARY}${pair}${meta.notAfter} ${problem} ${meta.etcd || ''}`;
  if (!isFile) return summary;
  const { names, isRsa } = meta.found || { names: [], isRsa: false };
  return [summary, meta.files, isRsa ? 'RSA' : '', names.join(' ')].join('\n');
}

/** What `readFileSummary` reads of a file without a record: its identity, and no name. */
export function summaryOfLeftOut(stamp: string): string {
  return `${SUMMARY}\n${stamp}`;
}

/** @param text of `summaryOf` */
export function readSummary(text: string): Summary {
  const first = text.split('\n')[0] as string;
  const [head = '', problem = '', etcd = ''] = first.split(' ');
  return {
    isPair: head.charAt(1) === PAIR || problem === '',
    notAfter: +head.slice(2),
    problem,
    etcd,
  };
}

/** @param text of `summaryOf`, with `isFile` */
export function readFileSummary(text: string): FileSummary {
  const lines = text.split('\n');
  return {
    files: lines[1] || '',
    names: lines[3] ? lines[3].split(' ') : [],
    isRsa: lines[2] === 'RSA',
  };
}
