// Reads the table of rooms in ARCHITECTURE.md: the build orders dist/ by it, and a test holds src/ to it.
import { readFileSync } from 'node:fs';

/**
 * @typedef {object} Room
 * @property {number} rank
 * @property {string} name a folder of src/ with a slash at its end, or a file of src/
 * @property {string} duty
 * @property {string[]} files the names of a folder's files, without `.ts`
 * @property {{ resource: string, file: string }[]} owned what one file alone may touch
 */

const ROW = /^\| (\d+) \| `([^`]+)` \| (.+?) \| (.*?) ?\| (.+?) \|$/gm;
const OWNED = /`([^`]+)` in `([^`]+)` alone/g;

/**
 * @param {string} [text] of ARCHITECTURE.md
 * @returns {Room[]} in the order of the table
 */
export function readRooms(text = readFileSync('ARCHITECTURE.md', 'utf8')) {
  return [...text.matchAll(ROW)].map(
    ([, rank, name = '', duty = '', files = '', touches = '']) => ({
      rank: Number(rank),
      name,
      duty,
      files: files.split(', ').filter(Boolean),
      owned: [...touches.matchAll(OWNED)].map(([, resource = '', file = '']) => ({
        resource,
        file,
      })),
    }),
  );
}

/**
 * The room of a file.
 *
 * @param {Room[]} rooms
 * @param {string} path from the top of the repository, as in `src/zone/dict.ts`
 */
export function roomOf(rooms, path) {
  return rooms.find(({ name }) =>
    name.endsWith('/') ? path.startsWith(`src/${name}`) : path === `src/${name}`,
  );
}
