import { FailureReason } from '@aws-sdk/client-acm';
import { expect, it } from 'vitest';
import { remedyFor } from '../../../../src/pki/authorities/acm/failure-reason.ts';

it('every reason that ACM gives for a failure has a way out of its own', () => {
  const reasons = Object.values(FailureReason);
  expect(reasons.length).toBeGreaterThan(15);
  const unknown = remedyFor('SOMETHING_NEW');
  expect(reasons.filter((reason) => remedyFor(reason) === unknown)).toEqual([]);
  expect(new Set(reasons.map((reason) => remedyFor(reason))).size).toBe(reasons.length);
});
