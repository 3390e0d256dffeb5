import { CONTRACT_FAULTS } from '@logline/contracts';
import { JETSTREAM_FAULTS, type Fault } from './errors.ts';

/** What a loop does about an error; undefined when nobody has said. */
export type Classify = (error: unknown) => Fault | undefined;

type FaultTable = Readonly<Record<string, Fault>>;

/**
 * Looks an error up by its class's name and its code: `classifyBy({ LedgerError: LEDGER_FAULTS })`. This package's errors and those of contracts are known.
 * An error that nobody knows is looked for among its causes.
 */
export function classifyBy(tables: Readonly<Record<string, FaultTable>> = {}): Classify {
  const all: Readonly<Record<string, FaultTable>> = {
    ContractError: CONTRACT_FAULTS,
    JetStreamError: JETSTREAM_FAULTS,
    ...tables,
  };
  return (error) => {
    for (let one = error, depth = 0; one instanceof Error && depth < 8; one = one.cause, depth++) {
      const code = 'code' in one && typeof one.code === 'string' ? one.code : '';
      const fault = Object.hasOwn(all, one.name) ? all[one.name]?.[code] : undefined;
      if (fault !== undefined) return fault;
    }
    return undefined;
  };
}
