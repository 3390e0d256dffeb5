import { escapePointer, type SchemaFault } from '@logline/contracts';
import { faultOf, type Fault } from './fault.ts';

const MOST_NULLS = 16;
const UNKNOWN_FIELD = 'is not a known field'; // as contracts' checker words it

/** What a schema found, in the gate's words; `prefix` is where the checked value stands in the span. */
export function toFault(fault: SchemaFault, prefix: string): Fault {
  const pointer = prefix + fault.pointer;
  if (fault.isMissing) return faultOf('field_missing', pointer, {});
  if (fault.message === UNKNOWN_FIELD) return faultOf('field_unknown', pointer, {});
  if (fault.expected !== undefined) return faultOf('field_form', pointer, { expected: fault.expected });
  return faultOf('field_wrong', pointer, { why: fault.message });
}

/** Every null in a value: it is not absence (protocol §2), not even where a schema takes anything. */
export function nullFaults(value: unknown, pointer: string): readonly Fault[] {
  if (!holdsNull(value)) return [];
  const found: Fault[] = [];
  const visit = (part: unknown, at: string): void => {
    if (found.length >= MOST_NULLS) return;
    if (part === null) {
      found.push(faultOf('null_refused', at, {}));
    } else if (typeof part === 'object') {
      for (const [key, inner] of Object.entries(part)) visit(inner, `${at}/${escapePointer(key)}`);
    }
  };
  visit(value, pointer);
  return found;
}

/** Asked of every span, and nearly always no: no pointer is built for that. */
function holdsNull(value: unknown): boolean {
  if (typeof value !== 'object') return false;
  if (value === null) return true;
  for (const inner of Object.values(value)) if (holdsNull(inner)) return true;
  return false;
}
