import { type Judged, TAKEN, isWrong } from './refused.js';

/** One line for each kind of damage: what became of the pairs with it. */
export function tableOf(judged: Judged[]): string {
  const kinds = [...new Set(judged.map(({ kind }) => kind))].sort();
  const count = (pairs: Judged[], is: (pair: Judged) => boolean): string =>
    String(pairs.filter(is).length);
  const rows = [...kinds, ''].map((kind) => {
    const pairs = kind === '' ? judged : judged.filter((pair) => pair.kind === kind);
    return [
      kind || 'all',
      String(pairs.length),
      count(pairs, ({ openssl }) => openssl !== TAKEN),
      count(pairs, ({ openssl, files }) => openssl !== TAKEN && files !== TAKEN),
      count(pairs, ({ openssl, put }) => openssl !== TAKEN && put !== TAKEN),
      count(pairs, ({ openssl, given }) => openssl !== TAKEN && given === TAKEN),
      count(pairs, isWrong),
    ];
  });
  const head = [
    ...['damage', 'pairs', 'refused by OpenSSL', 'and in files', 'and in a put'],
    ...['repaired', 'taken, and refused by OpenSSL'],
  ];
  const lines = [head, head.map((_, i) => (i === 0 ? '---' : '---:')), ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}

/** What OpenSSL refuses, and why, by how often. */
export function reasonsOf(judged: Judged[]): string {
  const counts = new Map<string, number>();
  for (const { openssl } of judged) counts.set(openssl, (counts.get(openssl) ?? 0) + 1);
  counts.delete(TAKEN);
  return [...counts]
    .sort((a, b) => b[1] - a[1])
    .map(([reason, times]) => `| ${reason} | ${times} |\n`)
    .join('');
}
