import { defineEntity, p } from '@mikro-orm/core';
import type { DeploySpec, RunnerAllowance } from '@logline/contracts';
import type { DeployState } from '../domain/deploy.ts';

/** How far the orchestrator has read each log; moves in the transaction of the effect. */
const PositionSchema = defineEntity({
  name: 'Position',
  tableName: 'position',
  properties: { tenant: p.string().primary(), index: p.bigint('number').fieldName('idx') },
});
export class Position extends PositionSchema.class {}
PositionSchema.setClass(Position);

/** How far it has read the stream: where to begin, never what to skip. */
const CursorSchema = defineEntity({
  name: 'Cursor',
  tableName: 'cursor',
  properties: { stream: p.string().primary(), sequence: p.bigint('number') },
});
export class Cursor extends CursorSchema.class {}
CursorSchema.setClass(Cursor);

/** One container's open deploys. */
const ContainerSchema = defineEntity({
  name: 'Container',
  tableName: 'container',
  properties: {
    tenant: p.string().primary(),
    subject: p.string().primary(),
    state: p.json<DeployState>(),
    /** Of `state.open`: what is asked for is always what is still going on. */
    openCount: p.integer(),
  },
});
export class Container extends ContainerSchema.class {}
ContainerSchema.setClass(Container);

/** The deploy part of a manifest, by ref: what a later deploy of that ref is planned from. */
const BlueprintSchema = defineEntity({
  name: 'StoredBlueprint',
  tableName: 'blueprint',
  properties: { tenant: p.string().primary(), ref: p.string().primary(), deploy: p.json<DeploySpec>() },
});
export class StoredBlueprint extends BlueprintSchema.class {}
BlueprintSchema.setClass(StoredBlueprint);

const RunnerSchema = defineEntity({
  name: 'RegisteredRunner',
  tableName: 'runner',
  properties: {
    tenant: p.string().primary(),
    runner: p.string().primary(),
    providers: p.json<readonly string[]>(),
    allow: p.json<RunnerAllowance>(),
  },
});
export class RegisteredRunner extends RunnerSchema.class {}
RunnerSchema.setClass(RegisteredRunner);

export const ENTITIES = [Position, Cursor, Container, StoredBlueprint, RegisteredRunner];
