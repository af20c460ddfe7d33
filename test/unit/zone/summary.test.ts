import { describe, expect, test } from 'vitest';
import { FIRST_TOKEN } from '../../../src/zone/clear_token.js';
import type { RecordMeta } from '../../../src/zone/meta.js';
import { makePointer, makeRecord, readMeta } from '../../../src/zone/record.js';
import {
  readFileSummary,
  readSummary,
  summaryOf,
  summaryOfLeftOut,
} from '../../../src/zone/summary.js';

const PEM = { chain: block('CERTIFICATE'), key: block('PRIVATE KEY') };
const META: RecordMeta = { source: 'disk', files: '1:2 3:4', notAfter: 7, loadedAt: 0 };
const PROBLEM = { code: 'weak', detail: 'It is\ntoo weak.' };
const found = { names: ['a.example', '*.b.example'], isRsa: true, notBefore: 0 };

function block(label: string): string {
  return `-----BEGIN ${label}-----\nAA==\n-----END ${label}-----\n`;
}

const recordOf = (more: Partial<RecordMeta>, pem: typeof PEM | null = PEM): string =>
  makeRecord(FIRST_TOKEN, { ...META, ...more }, pem);

describe('the summary of a record', () => {
  test.each<[string, string, object]>([
    ['a pair', recordOf({}), { isPair: true, problem: '', etcd: '' }],
    ['a pair of etcd', recordOf({ etcd: 'h:7' }), { isPair: true, problem: '', etcd: 'h:7' }],
    [
      'a pair whose newer files were refused',
      recordOf({ problem: PROBLEM }),
      { isPair: true, problem: 'weak', etcd: '' },
    ],
    [
      'a refusal',
      recordOf({ problem: PROBLEM }, null),
      { isPair: false, problem: 'weak', etcd: '' },
    ],
    [
      'a refusal of a value of etcd',
      recordOf({ problem: PROBLEM, etcd: 'h:7' }, null),
      { isPair: false, problem: 'weak', etcd: 'h:7' },
    ],
    [
      'a file whose pair has no room',
      recordOf({ found }, null),
      { isPair: true, problem: '', etcd: '' },
    ],
  ])('%s', (_, record, expected) => {
    for (const isFile of [false, true]) {
      expect(readSummary(summaryOf(record, isFile))).toEqual({ notAfter: 7, ...expected });
    }
  });

  test.each([
    ['a pointer', makePointer('*file:a', {})],
    ['no record', 'junk'],
    ['nothing', ''],
  ])('%s has none', (_, record) => {
    expect(summaryOf(record, false)).toBe('');
    expect(summaryOf(record, true)).toBe('');
  });

  test('is no record itself', () => {
    for (const text of [summaryOf(recordOf({ found }), true), summaryOfLeftOut('1:2')]) {
      expect(readMeta(text)).toBeNull();
    }
  });
});

describe('the summary of a file', () => {
  test('says what a scan has to know', () => {
    const summary = summaryOf(recordOf({ found, etcd: 'h:7', problem: PROBLEM }), true);
    expect(readFileSummary(summary)).toEqual({
      files: '1:2 3:4',
      names: ['a.example', '*.b.example'],
      isRsa: true,
    });
  });

  test.each([
    [
      'that was refused without a pair',
      summaryOf(recordOf({ problem: PROBLEM }, null), true),
      '1:2 3:4',
    ],
    ['that is left out', summaryOfLeftOut('5:6'), '5:6'],
    ['that there is none of', '', ''],
  ])('%s has no name', (_, summary, files) => {
    expect(readFileSummary(summary)).toEqual({ files, names: [], isRsa: false });
  });
});
