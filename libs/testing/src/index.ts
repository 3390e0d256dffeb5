export { NOW_MS } from './clock.ts';
export { startContainerEngine, type TestContainerEngine } from './container-engine.ts';
export { eventually, type EventuallyOptions } from './eventually.ts';
export {
  applySpan,
  deploySpan,
  keyAddSpan,
  keyRevokeSpan,
  logRotatedSpan,
  proofFor,
  proofSpan,
  runnerAddSpan,
  runnerHpkeKey,
  RUNNER,
  stopSpan,
  SUBJECT,
  TENANT,
  tenantCreatedSpan,
  TEST_ORIGIN,
  testToken,
  type ApplyParts,
  type DeployParts,
  type LogRotatedParts,
  type ProofParts,
  type RunnerParts,
  type TenantParts,
} from './installation.ts';
export { testKey, type TestKey } from './keys.ts';
export { manifestFor, type ManifestParts } from './manifests.ts';
export { passwordOf, TEST_USER, testUsers, type TestNats, type TestRunner } from './nats-server.ts';
export {
  buildService,
  migrateService,
  startService,
  type LogLine,
  type ServiceProcess,
} from './service-process.ts';
export { buildTlogCheck, type GoVerdict, type TlogCheck } from './tlog-check.ts';
export { signedSpan, type SignedSpan, type SpanParts } from './spans.ts';
export { TestLog, type TestFact } from './test-log.ts';
export { newWitness, startWitness, type TestWitness, type WitnessProcess } from './witness-process.ts';
export { startWorld, type World, type WorldOptions } from './world.ts';
export { untilAged } from './until-aged.ts';
