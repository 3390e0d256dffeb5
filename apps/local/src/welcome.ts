import type { Installation } from './installation.ts';
import type { Reporter } from './report.ts';

/** What a newcomer may do next. */
export function welcome({ env }: Installation, reporter: Reporter): void {
  reporter.blank();
  reporter.plain(
    `  LogLine runs at ${env.baseUrl} (tenant ${env.tenant}). Ctrl-C ends it and leaves nothing running.`,
  );
  reporter.plain(`  In another terminal, in this folder:`);
  reporter.plain(`    npx logline doctor`);
  reporter.plain(`    npx logline deploy list`);
  reporter.plain(`    npx logline status urn:minicontainer:${env.tenant}/hello --watch`);
  if (env.engine !== undefined)
    reporter.plain(
      `  Your own container: see "Quick start" in README.md; the target here is ${env.engine.kind}.`,
    );
  reporter.blank();
}
