/** A key and its value, as etcd's gateway shows them. */
interface Stored {
  key: string;
  value: string;
  create_revision: string;
  mod_revision: string;
}

interface RangeRequest {
  key: string;
  range_end?: string;
  limit?: number;
  keys_only?: boolean;
  min_mod_revision?: number;
}

interface Operation {
  request_range?: RangeRequest;
  request_put?: { key: string; value: string; prev_kv?: boolean };
  request_delete_range?: { key: string; prev_kv?: boolean };
}

interface Transaction {
  compare: { key: string; mod_revision: string }[];
  success: Operation[];
}

/** As much of etcd's gateway as is asked for. A character of its keys is a byte. */
export class FakeEtcd {
  revision = 1;
  cluster = '7';
  term = 2;
  /** The paths that were asked for. */
  readonly asked: string[] = [];
  /** Set: what is answered to all. */
  answer: string | undefined;
  /** Called before each request is done, and after that. */
  before: (path: string, asks: number) => void = () => undefined;
  after: (path: string, asks: number) => void | Promise<void> = () => undefined;
  private readonly stored = new Map<string, Stored>();

  put(key: string, value: string): void {
    this.revision++;
    this.store(encode(key), Buffer.from(value).toString('base64'));
  }

  del(key: string): void {
    if (this.stored.delete(encode(key))) this.revision++;
  }

  get(key: string): string | undefined {
    const kv = this.stored.get(encode(key));
    return kv && decode(kv.value);
  }

  /** In the place of `ngx.fetch`. */
  readonly fetch = async (
    url: string,
    { body }: { body: string },
  ): Promise<{ status: number; text: () => Promise<string> }> => {
    const path = new URL(url).pathname;
    this.asked.push(path);
    const asks = this.asked.length;
    this.before(path, asks);
    const request = JSON.parse(body) as RangeRequest & Transaction;
    const done = path === '/v3/kv/range' ? this.range(request) : this.transact(request);
    const header = {
      cluster_id: this.cluster,
      raft_term: String(this.term),
      revision: String(this.revision),
    };
    const text = this.answer ?? JSON.stringify({ header, ...done });
    await this.after(path, asks);
    return { status: 200, text: () => Promise.resolve(text) };
  };

  private store(key: string, value: string): void {
    const revision = String(this.revision);
    const create_revision = this.stored.get(key)?.create_revision ?? revision;
    this.stored.set(key, { key, value, create_revision, mod_revision: revision });
  }

  private range({ key, range_end, limit = 0, ...options }: RangeRequest): object {
    const [from, to] = [decode(key), decode(range_end ?? '')];
    const all = [...this.stored.values()]
      .filter((kv) => (to ? decode(kv.key) >= from && decode(kv.key) < to : kv.key === key))
      .sort((a, b) => (decode(a.key) < decode(b.key) ? -1 : 1));
    const found = all.filter((kv) => +kv.mod_revision >= (options.min_mod_revision ?? 0));
    const kvs = (limit ? found.slice(0, limit) : found).map((kv) =>
      options.keys_only ? { ...kv, value: undefined } : kv,
    );
    return { kvs, more: kvs.length < found.length, count: String(all.length) };
  }

  private transact({ compare, success }: Transaction): object {
    const succeeded = compare.every(
      ({ key, mod_revision }) => (this.stored.get(key)?.mod_revision ?? '0') === mod_revision,
    );
    if (!succeeded) return {};
    if (success.some((one) => !one.request_range)) this.revision++;
    return { succeeded, responses: success.map((one) => this.operate(one)) };
  }

  private operate({ request_range, request_put, request_delete_range }: Operation): object {
    if (request_range) return { response_range: this.range(request_range) };
    const { key, prev_kv } = (request_put ?? request_delete_range)!;
    const before = prev_kv ? this.stored.get(key) : undefined;
    if (request_put) {
      this.store(key, request_put.value);
      return { response_put: { prev_kv: before } };
    }
    this.stored.delete(key);
    return { response_delete_range: { prev_kvs: before ? [before] : [] } };
  }
}

function encode(key: string): string {
  return Buffer.from(key, 'latin1').toString('base64');
}

function decode(text: string): string {
  return Buffer.from(text, 'base64').toString('latin1');
}
