/**
 * Ids seen lately: at least the newest `atLeast`, at most twice as many. Two sets that take turns, since a set that loses its oldest member with each one it gains
 * is mostly holes, and its table is made anew all the time.
 */
export class RememberedIds {
  readonly #atLeast: number;
  #newer = new Set<string>();
  #older = new Set<string>();

  constructor(atLeast: number) {
    this.#atLeast = atLeast;
  }

  has(id: string): boolean {
    return this.#newer.has(id) || this.#older.has(id);
  }

  add(id: string): void {
    if (this.#newer.size >= this.#atLeast) {
      this.#older = this.#newer;
      this.#newer = new Set();
    }
    this.#newer.add(id);
  }

  clear(): void {
    this.#newer = new Set();
    this.#older = new Set();
  }
}
