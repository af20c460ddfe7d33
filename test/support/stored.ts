import { STORE, type Nginx } from './nginx.js';

// What is in a store, read in the container: the folder is for the workers' user and root alone.

/** This program's own folder in the store. */
export const ROOT = `${STORE}/cert-rotation.v1`;

/** A version's own name: its fingerprint, and a part that is never used twice. */
const VERSION = /[0-9a-f]{64}\.[\w+-]+/;

export interface Stored {
  /** The targets of entries, by their paths below `ROOT`, as in `names/0a/a.example`. */
  entries: Record<string, string>;
  /** The names of versions that are there, in order. */
  versions: string[];
  /** What is noted for a sweep, in order. */
  notes: string[];
  /** The names of files and entries that are not in their places yet. */
  temporary: string[];
}

/** Lists a store. */
export async function readStore(nginx: Nginx): Promise<Stored> {
  const stored: Stored = { entries: {}, versions: [], notes: [], temporary: [] };
  const lines = await inStore(
    nginx,
    String.raw`find . -ignore_readdir_race ! -type d -printf "%P %l\n"`,
  );
  for (const line of lines.split('\n').filter(Boolean).sort()) {
    const at = line.indexOf(' ');
    const path = line.slice(0, at);
    const file = path.slice(path.lastIndexOf('/') + 1);
    if (/^(names|rsa|files)\//.test(path)) stored.entries[path] = line.slice(at + 1);
    if (path.startsWith('versions/')) stored.versions.push(file);
    if (path.startsWith('retired/')) stored.notes.push(file);
    if (/^(temporary|changing)\//.test(path)) stored.temporary.push(file);
  }
  return stored;
}

/** Runs a script in a store's own folder, as root. Throws where it fails. */
export async function inStore(nginx: Nginx, script: string): Promise<string> {
  const { exitCode, stdout, stderr } = await nginx.exec(['sh', '-c', `cd ${ROOT} && ${script}`]);
  if (exitCode !== 0) throw new Error(`${script}: ${stderr}`);
  return stdout;
}

/** The versions that entries lead to, in order. */
export function currentVersions({ entries }: Stored): string[] {
  return Object.values(entries)
    .flatMap(
      (target) => VERSION.exec((JSON.parse(target) as { version?: string }).version ?? '') ?? [],
    )
    .filter((version, i, all) => all.indexOf(version) === i)
    .sort();
}

/**
 * Makes notes two minutes older.
 *
 * @param least only those that are at least so many seconds old
 */
export async function ageNotes(nginx: Nginx, least = 0): Promise<void> {
  // A folder of notes is called after the time, in tens of seconds.
  await inStore(
    nginx,
    `now=$(($(date +%s) / 10)); for b in $(ls retired); do n=\${b%%-*}
     if [ $n -le $((now - ${Math.ceil(least / 10)})) ]; then mv retired/$b retired/$((n - 12))-$b; fi; done`,
  );
}

/** Makes what a killed worker has left, a file without a name or a claim, two minutes older. */
export async function ageUnfinished(nginx: Nginx): Promise<void> {
  await inStore(nginx, "find temporary changing ! -type d -exec touch -h -d '2 minutes ago' {} +");
}
