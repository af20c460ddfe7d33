import fs, { renameSync, writeFileSync } from 'node:fs';
import { vi } from 'vitest';
import type { Context } from '../../src/certs/context.js';
import type { Files } from '../../src/config/paths.js';
import { readSettings, type Settings } from '../../src/config/settings.js';
import type { Certificate } from '../../src/x509/certificate.js';
import { readPair, servedPem } from '../../src/x509/pair.js';
import { FIRST_TOKEN } from '../../src/zone/clear_token.js';
import type { RecordMeta } from '../../src/zone/meta.js';
import { makeRecord } from '../../src/zone/record.js';
import type { Pair } from './certificates.js';

// What a slot holds and has on disk, for tests of the decisions over it.

/** The settings of a configuration that has its files in a folder. */
export function settingsIn(folder: string, more: Partial<Settings> = {}): Settings {
  const files = {
    cert_file: `${folder}/{name}.cert.pem`,
    cert_key_file: `${folder}/{name}.key.pem`,
    cert_key_file_rsa: `${folder}/{name}.rsa.key.pem`,
  };
  return { ...readSettings(files), ...more };
}

export interface FakeContext extends Context {
  /** What was logged, each line with its level before it. */
  lines: string[];
}

/** A context without a zone, unless there is one in `more`. */
export function contextWith(settings: Settings, more: Partial<Context> = {}): FakeContext {
  const lines: string[] = [];
  const r = {
    variables: {},
    log: (message: string) => lines.push(`log: ${message}`),
    warn: (message: string) => lines.push(`warn: ${message}`),
    error: (message: string) => lines.push(`error: ${message}`),
  };
  const rest = {
    zone: undefined,
    misses: undefined,
    store: undefined,
    token: FIRST_TOKEN,
    storeToken: FIRST_TOKEN,
    interval: 10_000,
    filesInterval: 10_000,
  };
  return { r, settings, ...rest, fallback: settings.fallback, ...more, lines };
}

/** A pair as the zone has it: the key, then the chain. */
export function pemIn(pair: Pair): string {
  const { key, chain } = servedPem(readPair(pair.chainPem, pair.keyPem));
  return key + chain;
}

export function recordWith(pair: Pair, meta: RecordMeta, token = FIRST_TOKEN): string {
  return makeRecord(token, meta, servedPem(readPair(pair.chainPem, pair.keyPem)));
}

export function leafOf(pair: Pair): Certificate {
  return readPair(pair.chainPem, pair.keyPem).leaf;
}

/** Writes a slot's files by a rename each, so that every call makes another state of them. */
export function writeFiles({ cert, key }: Files, { chainPem, keyPem }: Texts): void {
  if (cert === key) {
    swapFile(cert, chainPem + keyPem);
    return;
  }
  swapFile(key, keyPem);
  swapFile(cert, chainPem);
}

export type Texts = Pick<Pair, 'chainPem' | 'keyPem'>;

function swapFile(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

/** Counts how often a file is read, and does something after each time. */
export function countReads(path: string, after: (nth: number) => void): () => number {
  const read = fs.readFileSync;
  let reads = 0;
  vi.spyOn(fs, 'readFileSync').mockImplementation((...args: Parameters<typeof read>) => {
    const text = read(...args);
    if (args[0] === path) after(++reads);
    return text;
  });
  return () => reads;
}
