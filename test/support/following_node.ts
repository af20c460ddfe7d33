import { vi } from 'vitest';
import { delete_cert } from '../../src/admin/delete.js';
import { list_certs } from '../../src/admin/list.js';
import { put_cert } from '../../src/admin/put.js';
import { follow } from '../../src/etcd/follow.js';
import type { FakeEtcd } from './fake_etcd.js';
import { FakeZone } from './fake_zone.js';

/** An nginx that follows a fake etcd, in this process. */
export class FollowingNode {
  zone = new FakeZone();
  readonly log: string[] = [];
  /** The body of the last answer. */
  answer = '';
  readonly variables: Record<string, string>;

  /** @param folder where the names have their files */
  constructor(
    public etcd: FakeEtcd,
    folder: string,
  ) {
    this.variables = {
      cert_etcd: 'http://127.0.0.1:2379',
      cert_file: `${folder}/{name}.cert.pem`,
      cert_key_file: `${folder}/{name}.key.pem`,
    };
  }

  /** Does a round, and as many as it takes until there is nothing left to do. */
  async round(most = 20): Promise<void> {
    for (let i = 0; i < most; i++) {
      this.isOn();
      const asked = this.etcd.asked.length;
      await follow({ variables: this.variables });
      if (this.etcd.asked.length === asked + 1) return;
    }
  }

  /** Puts a body under a name, and tells the status of the answer. */
  async put(name: string, body: string, headers = {}): Promise<number> {
    return this.ask(put_cert, 'PUT', name, body, headers);
  }

  async delete(name: string): Promise<number> {
    return this.ask(delete_cert, 'DELETE', name);
  }

  /** Lists all names, which gives those of the store records. */
  async list(): Promise<number> {
    return this.ask(list_certs, 'GET', '');
  }

  /** Why the last round failed; '': it did not. */
  get failure(): string {
    const text = this.zone.get('#etcd:failure');
    return text === undefined ? '' : (JSON.parse(text) as { message: string }).message;
  }

  /** Makes the globals those of this nginx. */
  isOn(): void {
    vi.stubGlobal('ngx', {
      ...{ INFO: 'info', ERR: 'error', worker_id: 0 },
      shared: { certs: this.zone },
      fetch: this.etcd.fetch,
      log: (level: string, message: string) => this.log.push(`${level}: ${message}`),
    });
  }

  private async ask(
    handler: typeof put_cert,
    method: string,
    name: string,
    requestText = '',
    headersIn = {},
  ): Promise<number> {
    this.isOn();
    let answered = 0;
    await handler({
      ...{ method, uri: `/certs/${name}`, requestText, headersIn, headersOut: {}, args: {} },
      variables: { ...this.variables, remote_addr: '127.0.0.1', realip_remote_addr: '127.0.0.1' },
      remoteAddress: '127.0.0.1',
      log: () => undefined,
      error: (message: string) => this.log.push(`error: ${message}`),
      return: (status: number, text: string) => {
        answered = status;
        this.answer = text;
      },
    });
    return answered;
  }
}
