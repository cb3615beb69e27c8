import { PkiError } from '../../errors.ts';

/** The parts of an Amazon Resource Name that matter here. */
export interface Arn {
  text: string;
  /** `aws`, `aws-cn`, `aws-us-gov`, … */
  partition: string;
  region: string;
  account: string;
  /** `certificate-authority/ID`, `certificate/ID`, … */
  resource: string;
}

const pattern = /^arn:(aws[a-z-]*):(acm|acm-pca):([a-z]{2}[a-z0-9-]+-\d):(\d{12}):([A-Za-z0-9/._-]+)$/;

/**
 * Parses the ARN of something that ACM or AWS Private CA holds.
 * @param resource what its last part must be
 * @throws PkiError `bad-input`
 */
export function parseArn(text: string, service: 'acm' | 'acm-pca', resource: RegExp, flag: string): Arn {
  const [, partition = '', found, region = '', account = '', path = ''] = pattern.exec(text) ?? [];
  if (found !== service || !resource.test(path)) {
    const example =
      service === 'acm-pca'
        ? 'arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/12345678-1234-1234-1234-123456789012'
        : 'arn:aws:acm:eu-west-1:123456789012:certificate/12345678-1234-1234-1234-123456789012';
    throw new PkiError('bad-input', `${flag} ${JSON.stringify(text)} is not such an ARN`, {
      hint: `for example ${example}`,
    });
  }
  return { text, partition, region, account, resource: path };
}

/** The region of what ACM holds under an ARN; `undefined` for what is none of ACM's. */
export function regionIn(arn: string): string | undefined {
  const [, , service, region] = pattern.exec(arn) ?? [];
  return service === 'acm' ? region : undefined;
}

export const isCaArn = /^certificate-authority\/[A-Za-z0-9-]+$/;
