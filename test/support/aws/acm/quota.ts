import { isOwn, type Caller } from '../caller.ts';
import type { Cloud } from '../cloud.ts';
import { Refusal } from '../refusal.ts';

/** Certificates in an account and region, by default; imported ones count by themselves. */
const most = 2500;

export function checkRoom(cloud: Cloud, caller: Caller, imported = false): void {
  let count = 0;
  for (const { arn, type } of cloud.certificates.values()) {
    if ((type === 'IMPORTED') === imported && isOwn(arn, caller)) count += 1;
  }
  if (count >= most)
    throw new Refusal('LimitExceededException', `Error: you have reached your limit of ${most} certificates`);
}
