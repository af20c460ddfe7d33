import { holdsPair, isPointer, readMeta } from './record';

/** The part of a record that the list and the metrics need of many names. */
export interface Summary {
  /** Whether there is a pair to serve. A scanned file may have one that the zone has no room for. */
  isPair: boolean;
  /** The end of its validity, in seconds since 1970. */
  notAfter: number;
  /** The code of the reason why its newest files are not served; '' where they are. */
  problem: string;
  /** As in RecordMeta; '' where nothing came from etcd. */
  etcd: string;
}

/** The part of a record that a scan needs of a file that it found earlier. */
export interface FileSummary {
  /** The stamp of the file. */
  files: string;
  names: string[];
  isRsa: boolean;
}

// No record begins like this: it must not pass for one.
const SUMMARY = '~';

const PAIR = '3';
const NO_PAIR = '2';

/**
 * A record's summary as text, for work that reads many of them: a record is a hundred times as long. A pointer has none.
 *
 * @param isFile whether it is the record of a scanned file
 * @returns '' where the text is no record, or a pointer
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

/** The summary of a scanned file without a record: its stamp, and no name. */
export function summaryOfLeftOut(stamp: string): string {
  return `${SUMMARY}\n${stamp}`;
}

/**
 * Reads a summary.
 *
 * @param text of `summaryOf`
 */
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

/**
 * Reads the summary of a scanned file.
 *
 * @param text of `summaryOf` with `isFile`, or of `summaryOfLeftOut`
 */
export function readFileSummary(text: string): FileSummary {
  const lines = text.split('\n');
  return {
    files: lines[1] || '',
    names: lines[3] ? lines[3].split(' ') : [],
    isRsa: lines[2] === 'RSA',
  };
}
