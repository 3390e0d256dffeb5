export { followKnowledge, type FollowKnowledgeOptions } from './know/follow-knowledge.ts';
export { KnowledgeKeeper, type KeeperParts } from './know/knowledge-keeper.ts';
export { SnapshotStore, type Saved } from './know/snapshot-store.ts';
export { untilKnown, whyUnknown, type Needed } from './know/until-known.ts';
