export { describePlan } from '../deploy/plan.ts';
