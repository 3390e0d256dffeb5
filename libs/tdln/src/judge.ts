import { INTENTS, type JudgedSpan } from '@logline/contracts';
import { judgeManifest } from './apply-rules.ts';
import { judgeDeploy } from './deploy-rules.ts';
import { faultOf } from './fault.ts';
import type { Hearing } from './hearing.ts';
import type { KeyEntry } from './knowledge.ts';
import { judgeRotation } from './log-rules.ts';
import { judgeAdoption, judgeRegistry, judgeTenant, type OperatorStatement } from './registry-rules.ts';
import { judgeReport, judgeVerdict } from './report-rules.ts';
import { shortRefFault } from './short-ref.ts';
import { checkAsker, checkSlot, identifySigner, type Asker, type OperatorKey } from './signer.ts';
import type { Statement } from './statement.ts';
import type { WholeForm } from './statement-form.ts';

/** Everything that rests on the log. The signer's role, or null when nobody who may has signed; why not is in the hearing. */
export function judge(
  hearing: Hearing,
  { span, bytes, statement, shortRef }: WholeForm,
  asker: Asker,
  operators: readonly OperatorKey[] | null,
): JudgedSpan['role'] | null {
  if (isOperators(statement)) {
    if (asker.kind !== 'operator' && asker.kind !== 'unchecked') {
      hearing.refuse(
        faultOf('wrong_door', '/intent', { role: 'operator', way: "send it with the operator's API token" }),
      );
    }
    if (statement.intent === 'registry.tenant.created') judgeTenant(hearing, statement, operators);
    else judgeRotation(hearing, statement, operators);
    return 'operator';
  }
  if (statement.intent === 'registry.log.adopted') {
    if (asker.kind !== 'unchecked') {
      hearing.refuse(
        faultOf('wrong_door', '/intent', {
          role: 'operator',
          way: 'run: logline log adopt, where the ledger is',
        }),
      );
    }
    judgeAdoption(hearing, statement, operators);
    return 'operator';
  }
  const key = identifySigner(hearing, span, bytes, statement.intent);
  if (key === null) return null;
  checkAsker(hearing, asker, key, statement.intent);
  if (hearing.faults.length > 0) return null;
  if (key.role === 'client') checkSlotOf(hearing, asker, statement);
  if (hearing.faults.length > 0) return null;
  if (shortRef !== null) {
    hearing.refuse(shortRefFault(hearing, shortRef.text, shortRef.at, span.subject));
    return null;
  }
  judgeStatement(hearing, statement, key);
  return key.role;
}

function isOperators(statement: Statement): statement is OperatorStatement {
  return statement.intent === 'registry.tenant.created' || statement.intent === 'registry.log.rotated';
}

function checkSlotOf(hearing: Hearing, asker: Asker, { intent, span }: Statement): void {
  if (INTENTS[intent].subject === 'minicontainer') checkSlot(hearing, asker, span.subject, intent);
}

function judgeStatement(hearing: Hearing, statement: Statement, key: KeyEntry): void {
  switch (statement.intent) {
    case 'registry.tenant.created':
    case 'registry.log.adopted':
    case 'registry.log.rotated':
    case 'registry.key.add':
    case 'registry.key.revoke':
    case 'registry.apikey.create':
    case 'registry.apikey.revoke':
    case 'registry.runner.add':
    case 'registry.runner.remove':
    case 'registry.log.publish':
      return judgeRegistry(hearing, statement);
    case 'minicontainer.apply':
      if ('manifest' in statement.payload) judgeManifest(hearing, statement.payload.manifest);
      return;
    case 'wallet.proof.submit': // judged by the wallet-verifier, whose verdict is logged also when it denies
    case 'wallet.grant.revoke': // any grant may be revoked, known or not: a manifest that names it may still be on its way
      return;
    case 'deploy.apply':
    case 'deploy.stop':
      return judgeDeploy(hearing, statement);
    case 'minicontainer.applied':
    case 'wallet.proof.verified':
    case 'wallet.grant.revoked':
      return judgeVerdict(hearing, statement);
    case 'deploy.planned':
    case 'deploy.failed':
    case 'deploy.applied':
    case 'grant.materialize':
    case 'grant.materialized':
    case 'run_state.pending':
    case 'run_state.running':
    case 'run_state.exited':
    case 'run_state.failed':
      return judgeReport(hearing, statement, key);
  }
}
