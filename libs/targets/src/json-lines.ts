/** A longer line is no message of an engine. */
const MOST_LINE_CHARS = 1024 * 1024;

/** The values of a stream of JSON lines, as events and pull progress are; lines that are no JSON are skipped. */
export async function* readJsonLines(source: AsyncIterable<Uint8Array>): AsyncGenerator<unknown> {
  const decoder = new TextDecoder();
  let pending = '';
  for await (const chunk of source) {
    pending += decoder.decode(chunk, { stream: true });
    const lines = pending.split('\n');
    pending = lines.pop() ?? '';
    if (pending.length > MOST_LINE_CHARS) pending = '';
    for (const line of lines) yield* parseLine(line);
  }
  yield* parseLine(pending);
}

function* parseLine(line: string): Generator<unknown> {
  if (line.trim() === '') return;
  try {
    yield JSON.parse(line);
  } catch {
    // a torn last line when the engine went away
  }
}
