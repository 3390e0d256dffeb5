// Vitest reporter: names every skipped test with its reason, and closes with one line over all suites.
export default class SkipReporter {
  onTestRunEnd(modules, unhandledErrors) {
    let passed = 0;
    let failed = unhandledErrors.length;
    let skipped = 0;
    for (const module of modules) {
      // a module that could not even be loaded holds no test, but is a failure
      if (module.errors().length > 0) failed += 1;
      for (const suite of module.children.allSuites()) failed += suite.errors().length > 0 ? 1 : 0;
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === 'passed') passed += 1;
        else if (result.state === 'failed') failed += 1;
        else {
          skipped += 1;
          console.log(
            `skipped: ${test.fullName}: ${result.note ?? test.meta().skipReason ?? 'no reason given'}`,
          );
        }
      }
    }
    console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
  }
}
