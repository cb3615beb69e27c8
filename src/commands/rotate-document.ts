import type { Rotation, StandingRotation } from '../pki/lifecycle/rotate.ts';
import { certificateDocument, statusDocument } from './certificate-document.ts';
import { deployDocument } from './deploy-report.ts';
import { clockDocument, describe } from './output.ts';
import { outputDocuments } from './outputs-report.ts';

/** What became of one certificate, for programs: docs/schema/rotate.v1.json. */
export function rotationDocument(outcome: Rotation): object {
  const { name, state, verdict } = outcome;
  const head = {
    name,
    state,
    reason: verdict?.reason ?? null,
    since: verdict?.since?.toISOString() ?? null,
    outsideWindow: verdict?.outsideWindow ?? false,
    changes: verdict?.changes ?? [],
    mended: outcome.mended ?? [],
    warnings: outcome.warnings ?? [],
    outputs: outputDocuments(outcome.outputs),
    deploy: deployDocument(outcome.deploy),
  };
  switch (outcome.state) {
    case 'rotated':
    case 'deployed':
    case 'deploy-pending':
    case 'candidate': {
      const earlier = verdict?.standing;
      return {
        ...head,
        ...standingDocument(outcome),
        ...fromDocument(outcome),
        replaced: earlier ? certificateDocument(earlier) : null,
      };
    }
    case 'not-due':
      return {
        ...head,
        ...standingDocument(outcome),
        ...(outcome.opens && { until: outcome.opens.toISOString() }),
      };
    case 'rolled-back':
      return { ...head, ...standingDocument(outcome), ...fromDocument(outcome) };
    case 'due':
      return { ...head, renewedBy: outcome.who, hint: outcome.why, ...statusDocument(outcome.status) };
    case 'to-rotate':
      return { ...head, plan: outcome.plan ?? null, deploys: outcome.deploys };
    case 'to-deploy':
      return { ...head, ...standingDocument(outcome), ...fromDocument(outcome), deploys: outcome.deploys };
    case 'held':
      return { ...head, group: outcome.group, by: outcome.by };
    case 'pending': {
      const { waitingFor, hint, records } = outcome.pending;
      return { ...head, waitingFor, hint: hint ?? null, records, ...statusDocument(outcome.status) };
    }
    case 'waiting': {
      const { until, last } = outcome;
      const { code, message, failures } = last;
      return { ...head, until: until.toISOString(), failures, error: { code, message } };
    }
    case 'failed': {
      const { code, message, hint, clock } = describe(outcome.error);
      const rest = { ...(hint === undefined ? {} : { hint }), ...clockDocument(clock) };
      return { ...head, error: { code, message, ...rest } };
    }
  }
}

type Standing = StandingRotation | Extract<Rotation, { state: 'rolled-back' | 'to-deploy' }>;

/** What was in use before, where this run has switched, or would. */
const fromDocument = ({ from }: { from?: number | undefined }): object =>
  from === undefined ? {} : { from };

const standingDocument = ({ generation, path, ...rest }: Standing): object => ({
  generation,
  path,
  certificate: certificateDocument(rest),
});
