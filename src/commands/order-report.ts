import { goesOn, type UnfinishedOrder } from '../pki/lifecycle/unfinished-order.ts';
import { isArn } from './options.ts';
import type { Output } from './output.ts';

export const orderDocument = ({ name, names, authority, askedAt, arn }: UnfinishedOrder): object => ({
  ...{ name, names, authority },
  askedAt: askedAt ?? null,
  arn: arn ?? null,
});

/** `ordered 2027-…, no answer came` */
export function orderText({ askedAt, arn }: UnfinishedOrder): string {
  const when = askedAt === undefined ? '' : ` ${askedAt}`;
  return `ordered${when}, ${arn === undefined ? 'no answer came' : `and not fetched: ${arn}`}`;
}

/** A first order, beside certificates. */
export const firstOrderText = (order: UnfinishedOrder): string =>
  `${order.name} has no certificate yet: ${orderText(order)}; ${goesOn(order, undefined)}`;

/** What is left at AWS of an order that is given up; nothing where it only renews what is there. */
export function leftAtAws({ authority, askedAt, arn }: UnfinishedOrder): string | undefined {
  if (arn !== undefined) {
    const also = isAcm(authority) ? `, "aws acm delete-certificate --certificate-arn ${arn}" removes it` : '';
    return `the order for ${arn} is dropped, which stays as it is at AWS: "certwright revoke ${arn}" revokes it${also}`;
  }
  if (askedAt === undefined) return undefined;
  const look = isAcm(authority) ? '"certwright list --ca acm" shows it' : "the CA's audit report lists it";
  return `the order of ${askedAt} at ${authority} is dropped, which got no answer: if it was carried out, ${look}`;
}

const isAcm = (authority: string): boolean => isArn(authority) && !authority.startsWith('arn:');

/** Before it is dropped: nobody else knows its ARN. */
export const tellDropped =
  (output: Output) =>
  (order: UnfinishedOrder): void => {
    const left = leftAtAws(order);
    if (left !== undefined) output.insist(left);
  };
