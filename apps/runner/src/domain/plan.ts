import type { DeployPlanned, Span, Target } from '@logline/contracts';
import { parseInstant, parseSubject } from '@logline/contracts';

/** A `deploy.planned` that names this runner, with its place in the log: the cause of everything that follows. */
export type Plan = {
  readonly action: 'apply' | 'stop';
  readonly deploy: string;
  readonly subject: string;
  /** Of the container. */
  readonly name: string;
  readonly ref: string;
  readonly target: Target;
  /** Log index of the deploy: it only grows, and only its runner may report under it. */
  readonly lease: number;
  readonly deadlineMs: number;
  readonly specHash: string;
  /** Span id and log time of the plan: ids of reports are made of them. */
  readonly cause: string;
  readonly causeMs: number;
  readonly trace: string;
};

/** Null when the subject is no container, which the log's rules exclude. */
export function toPlan(span: Span, payload: DeployPlanned, timeMs: number, trace: string): Plan | null {
  const subject = parseSubject(span.subject);
  const deadlineMs = parseInstant(payload.deadline);
  if (subject.kind !== 'minicontainer' || deadlineMs === null) return null;
  const { action, deploy, ref, target, lease, spec_hash } = payload;
  return {
    action,
    deploy,
    subject: span.subject,
    name: subject.name,
    ref,
    target,
    lease,
    deadlineMs,
    specHash: spec_hash,
    cause: span.this,
    causeMs: timeMs,
    trace,
  };
}

/** Whether two plans are about the same container in the same place, so that only one of them may run. */
export function isSamePlace(one: Plan, other: Plan): boolean {
  return (
    one.subject === other.subject &&
    one.target.provider === other.target.provider &&
    one.target.project_id === other.target.project_id &&
    one.target.service === other.target.service
  );
}
