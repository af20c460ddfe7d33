import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { message } from '../setup/command.js';
import { replaceFile, type Pair } from '../support/certificates.js';
import type { HttpRequest } from '../support/http.js';
import { handshake } from '../support/tls_client.js';
import { now } from './clock.js';
import type { History, Version, Way } from './history.js';
import type { Issuer } from './issuer.js';
import { CHECK_INTERVAL_MS } from './site.js';
import type { LoadName, Target } from './target.js';
import type { Windows } from './windows.js';

/**
 * A record's age is counted in whole milliseconds of another clock than the checker's, from when its files had been
 * looked at.
 */
const TOLERANCE_MS = 20;

/** Once files are due to be looked at, one of so many handshakes after each other has to be served the new ones. */
const MOST_LOOKS = 20;

/** What is no failure while a fault goes on. */
export interface Expected {
  /** Connections are reset. */
  resets: Windows;
  /** The answer to a put, or to the clear of a name, is 507 zone-full. */
  zoneFull: Windows;
  /** The answer to a put is 500 store-failed. */
  storeFull: Windows;
}

/** How many names clients turn to more than to others: it shows around a rotation whether all is well. */
const ATTENDED = 8;

/** One version that was handed out. */
export interface Rotation {
  way: Way;
  name: string;
  /** Times are those of clock.ts. */
  startedAt: number;
  endedAt: number;
  /** Acknowledged; to be found once the check interval is over; refused, which a fault made it be; or nobody knows. */
  result: 'acknowledged' | 'later' | 'refused' | 'unknown';
}

export interface WriterOptions {
  target: Target;
  issuer: Issuer;
  /** By index of the name. */
  histories: History[];
  expected: Expected;
  rotated: (rotation: Rotation) => void;
  /** Gets what a handler should not have answered. */
  failed: (what: string) => void;
}

/** Replace certificates, as fast as they are let. Nobody else writes a name that one of them has in its hands. */
export class Writers {
  private readonly queue: LoadName[];
  private readonly turns: number[];
  private preferred = '';
  private attended: number[] = [];
  private attend: (names: number[]) => void = () => undefined;
  private isStopped = false;
  private running: Promise<void>[] = [];

  constructor(private readonly options: WriterOptions) {
    const { names } = options.target;
    this.queue = [...names];
    // So that names of one group are not all replaced in the same way at the same time.
    this.turns = names.map(({ group }, index) => {
      return names.slice(0, index).filter((other) => other.group === group).length;
    });
  }

  /** Hands out the first version of every name. No client may run yet. */
  async prepare(): Promise<void> {
    const { names } = this.options.target;
    for (const name of names) await this.rotate(name, name.ways[0]!);
    await sleep(this.options.target.settlesMs);
    const left = names.filter(({ index }) => {
      return this.options.histories[index]!.acknowledgedBy(now()) === 0;
    });
    if (left.length > 0) {
      throw new Error(`No certificate for ${left.map(({ name }) => name).join(', ')}`);
    }
  }

  /** @param attend gets the names that are being replaced, and were the last */
  start(count: number, attend: (names: number[]) => void): void {
    this.attend = attend;
    for (let i = 0; i < count; i++) this.running.push(this.run());
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    // One that ends may have begun another one.
    for (const one of this.running) await one;
  }

  /** Names of this group come before all others; '' for none. */
  prefer(group: string): void {
    this.preferred = group;
  }

  /** Takes a name out of the writers' hands, until `give`. */
  take(group: string): LoadName {
    const place = this.queue.findIndex((name) => name.group === group);
    const [name] = this.queue.splice(Math.max(place, 0), 1);
    if (name === undefined) throw new Error('More writers than names');
    return name;
  }

  give(name: LoadName): void {
    this.queue.push(name);
  }

  /**
   * Has the newest version of a name served, before its files are gone: what nobody asked for is held nowhere else, and
   * half of a renewal cannot be served. Of two nginx one may have been told of it, and the other one be asked. Only for who has the
   * name in its hands.
   */
  async see({ name, index }: LoadName): Promise<void> {
    const { histories, issuer, target } = this.options;
    const newest = histories[index]!.versions.length;
    const end = now() + 2 * target.settlesMs;
    let seen = newest === 0;
    while (!seen) {
      const served = issuer.identify(await this.ownHandshake(name));
      seen = served?.version === newest || now() >= end;
    }
  }

  private acknowledge(version: Version): void {
    version.acknowledgedAt = now() + this.options.target.settlesMs;
  }

  /** @returns the serial number of what was served */
  private async ownHandshake(servername: string): Promise<string> {
    const { target, expected } = this.options;
    for (;;) {
      const startedAt = now();
      try {
        return (await handshake({ host: target.host, port: target.ports[0]!, servername })).serial;
      } catch (error) {
        if (!expected.resets.overlap(startedAt, now())) throw error;
      }
    }
  }

  private async run(): Promise<void> {
    while (!this.isStopped) {
      const name = this.take(this.preferred);
      const { ways, index } = name;
      const { versions } = this.options.histories[index]!;
      // Nobody knows what a put that was cut off came to: like an operator, the writer does it again.
      const way = isCutOff(versions.at(-1)) ? 'put' : ways[this.turns[index]!++ % ways.length]!;
      const result = await this.rotate(name, way).catch(async (error: unknown) => {
        this.options.failed(`${name.name}: ${message(error)}`);
        await sleep(100);
      });
      // Others have their turn meanwhile.
      if (result === 'later') this.running.push(this.find(name));
      else this.give(name);
    }
  }

  /**
   * Has files found that nobody was told of, and gives the name back. Who connects while they are being read may still be
   * served what is held: the version is acknowledged when it was served.
   */
  private async find(name: LoadName): Promise<void> {
    const { issuer, histories, failed } = this.options;
    const version = histories[name.index]!.versions.at(-1)!;
    await sleep(CHECK_INTERVAL_MS + TOLERANCE_MS);
    try {
      for (let looks = 0; version.acknowledgedAt === Infinity; looks++) {
        if (looks === MOST_LOOKS) throw new Error(`version ${version.number} is not found`);
        const served = issuer.identify(await this.ownHandshake(name.name));
        if (served?.version === version.number) this.acknowledge(version);
      }
    } catch (error) {
      failed(`${name.name}: ${message(error)}`);
    }
    this.give(name);
  }

  private async rotate(name: LoadName, way: Way): Promise<Rotation['result']> {
    const { issuer, histories, rotated } = this.options;
    const history = histories[name.index]!;
    if (way !== 'put') await this.see(name);
    const number = history.versions.length + 1;
    const pair = await issuer.issue({ name: name.index, version: number }, name.name);
    this.attended = [...this.attended, name.index].slice(-ATTENDED);
    this.attend(this.attended);
    const startedAt = now();
    const version = history.issue(way, startedAt);
    const result = await this[way](name, version, pair);
    rotated({ way, name: name.name, startedAt, endedAt: now(), result });
    return result;
  }

  /** Two files, each followed by a clear, as a hook for each of them would do it. */
  private async clear(name: LoadName, version: Version, pair: Pair): Promise<Rotation['result']> {
    const writes = this.writesOf(name, pair);
    if (version.number % 2) writes.reverse();
    const path = version.number % 4 < 2 ? '/clear' : `/clear?name=${name.name}`;
    let isCleared = false;
    for (const write of writes) {
      await write();
      isCleared = (await this.ask(path, { method: 'POST' }, [200])) === 200;
    }
    if (!isCleared) return 'unknown';
    this.acknowledge(version);
    return 'acknowledged';
  }

  private async files(name: LoadName, _: Version, pair: Pair): Promise<Rotation['result']> {
    for (const write of this.writesOf(name, pair)) await write();
    return 'later';
  }

  private async put(name: LoadName, version: Version, pair: Pair): Promise<Rotation['result']> {
    const request = { method: 'PUT', body: pair.pairPem };
    const status = await this.ask(`/certs/${name.name}`, request, [200, 201]);
    if (status === undefined) return 'unknown';
    if (status === 200 || status === 201) {
      this.acknowledge(version);
      return 'acknowledged';
    }
    version.refusedAt = now();
    return 'refused';
  }

  private writesOf({ name }: LoadName, pair: Pair): (() => Promise<void>)[] {
    const { nginx } = this.options.target;
    if (!nginx) throw new Error('An operator’s files are not written');
    const base = join(nginx.certsDirectory, name);
    return [
      () => replaceFile(`${base}.key.pem`, pair.keyPem),
      () => replaceFile(`${base}.cert.pem`, pair.chainPem),
    ];
  }

  /**
   * Sends a request. Throws on an answer that nothing explains.
   *
   * @returns the status; undefined: the connection was reset, by a worker that was killed
   */
  private async ask(
    path: string,
    request: HttpRequest,
    good: number[],
  ): Promise<number | undefined> {
    const { target, expected } = this.options;
    const startedAt = now();
    const answer = await target.admin(path, request).catch((error: unknown) => {
      if (expected.resets.overlap(startedAt, now())) return undefined;
      throw error;
    });
    if (answer === undefined || good.includes(answer.status)) return answer?.status;
    const { zoneFull, storeFull } = expected;
    const excuse = { 'zone-full': zoneFull, 'store-failed': storeFull }[codeIn(answer.body)];
    if (excuse?.overlap(startedAt, now())) return answer.status;
    throw new Error(`${request.method ?? ''} ${path}: ${answer.status} ${answer.body.trim()}`);
  }
}

/** The code of a problem; '' where a body is none. */
function codeIn(body: string): string {
  return /"code":"([a-z-]+)"/.exec(body)?.[1] ?? '';
}

function isCutOff(version: Version | undefined): boolean {
  const { way, acknowledgedAt, refusedAt } = version ?? {};
  return way === 'put' && acknowledgedAt === Infinity && refusedAt === Infinity;
}
