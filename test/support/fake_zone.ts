/** As much of an ngx.shared dictionary as the store uses. */
export class FakeZone {
  readonly values = new Map<string, string>();
  /** How many more values fit. As in nginx, a new value needs its place before the old one's is free. */
  room = Infinity;
  /** In bytes. */
  readonly capacity = 1 << 20;
  /** How much of that is free while there is room. */
  free = 1 << 20;

  get(key: string): string | undefined {
    return this.values.get(key);
  }

  set(key: string, value: string): this {
    if (this.room === 0) throw fullError();
    if (!this.values.has(key)) this.room--;
    this.values.set(key, value);
    return this;
  }

  add(key: string, value: string): boolean {
    if (this.values.has(key)) return false;
    this.set(key, value);
    return true;
  }

  pop(key: string): string | undefined {
    const value = this.get(key);
    this.delete(key);
    return value;
  }

  delete(key: string): boolean {
    const isThere = this.values.delete(key);
    if (isThere) this.room++;
    return isThere;
  }

  clear(): void {
    this.room += this.values.size;
    this.values.clear();
  }

  keys(most = 1024): string[] {
    return [...this.values.keys()].slice(0, most);
  }

  freeSpace(): number {
    return this.room === 0 ? 0 : this.free;
  }
}

/** A zone that gives memory in pages as nginx does: a new value needs its place before the old one's is free. */
export class PagedZone extends FakeZone {
  override readonly capacity: number;
  /** Called before and after each change. */
  atStep: () => void = () => undefined;

  constructor(pages: number) {
    super();
    this.capacity = pages * PAGE;
  }

  override set(key: string, value: string): this {
    this.atStep();
    if (this.freeSpace() < pagesOf(value) * PAGE) throw fullError();
    this.values.set(key, value);
    this.atStep();
    return this;
  }

  override delete(key: string): boolean {
    this.atStep();
    const isThere = this.values.delete(key);
    this.atStep();
    return isThere;
  }

  override freeSpace(): number {
    const used = [...this.values.values()].reduce((sum, value) => sum + pagesOf(value), 0);
    return this.capacity - used * PAGE;
  }
}

const PAGE = 4096;

function pagesOf(value: string): number {
  return Math.ceil(value.length / PAGE);
}

export function fullError(): Error {
  const error = new Error('failed to allocate');
  error.name = 'SharedMemoryError';
  return error;
}
