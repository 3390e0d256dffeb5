export {
  CONTAINER_PROVIDERS,
  containerName,
  forRun,
  LABELS,
  parseLabels,
  toLabels,
  volumeName,
  type ContainerProvider,
  type ContainerSpec,
  type RestartPolicy,
  type Run,
  type RunSpec,
  type SecretSlot,
} from './container-spec.ts';
export { TARGET_FAULTS, TargetError, type TargetErrorCode } from './errors.ts';
export { planContainer, type ContainerPlan, type PlanOptions, type Refusal } from './plan-container.ts';
export { toPodmanArgs } from './podman-args.ts';
export { HANDOFF_BROKEN_EXIT_CODE, type Secret } from './handoff.ts';
export { DockerTarget, type DockerTargetOptions } from './docker-target.ts';
export { SecretFiles } from './secret-files.ts';
export type { Capabilities, EngineHint, LogChunk, LogOptions, Owner, RunStatus, Target } from './target.ts';
