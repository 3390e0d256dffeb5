export { bootService, LOG, type BootOptions, type ServiceParts } from './boot.ts';
export { addConsumerMetrics, type ConsumerNumbers } from './consumer-metrics.ts';
export { CONFIG_FAULTS, ConfigError, type ConfigErrorCode, type ConfigFault } from './errors.ts';
export { FactReaderMetrics } from './fact-reader-metrics.ts';
export { createLog, type Log } from './log.ts';
export {
  LATENCY_BUCKETS,
  Metrics,
  type Counter,
  type Histogram,
  type Labels,
  type Sample,
} from './metrics.ts';
export { readConfig } from './read-config.ts';
export { Readiness, type ReadinessCheck, type ReadinessReport } from './readiness.ts';
export { readKeyFile, readSecretFile } from './secret-file.ts';
export {
  HttpConfig,
  IsSecretFile,
  KnowledgeConfig,
  LOG_LEVELS,
  ServiceConfig,
  type LogLevel,
} from './service-config.ts';
export { runStopSteps, type StopStep } from './shutdown.ts';
