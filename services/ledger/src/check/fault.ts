/** What is wrong, and where: the first in its log. */
export type Fault = {
  readonly index: number;
  /** `table.column`, or several of them where nothing stored tells them apart. */
  readonly column: string;
  readonly why: string;
};

/** Thrown inside a check to end that of one log; never leaves it. */
export class FaultFound extends Error {
  override readonly name = 'FaultFound';
  readonly fault: Fault;
  constructor(fault: Fault) {
    super(`${fault.column} at ${fault.index}: ${fault.why}`);
    this.fault = fault;
  }
}
