import { PkiError } from '../../errors.ts';
import type { Journal } from '../authority.ts';
import { regionIn } from '../aws/arn.ts';
import type { AwsConnection } from '../aws/options.ts';
import { AcmCalls } from './calls.ts';
import { AcmClient } from './client.ts';

/** ACM in one region. */
export interface AcmThere {
  client: AcmClient;
  calls: AcmCalls;
}

/**
 * ACM in the regions that a run meets. What was requested in one is in no other: a request that was begun goes on where it
 * was begun, and what has an ARN is looked for where that says, whatever the environment says by now.
 */
export class AcmRegions {
  readonly #connection: AwsConnection;
  /** `--region`. */
  readonly #said: string | undefined;
  /** `undefined` leaves it to the profile. */
  readonly #named: string | undefined;
  /** Private certificates are where their CA is, and nowhere else. */
  readonly #isFixed: boolean;
  readonly #opened = new Map<string | undefined, AcmThere>();

  constructor(named: string | undefined, isFixed: boolean, connection: AwsConnection) {
    this.#named = named;
    this.#isFixed = isFixed;
    this.#connection = connection;
    this.#said = connection.region === '' ? undefined : connection.region;
  }

  /** Where something that has no ARN is looked for. */
  get here(): AcmThere {
    return this.in(this.#named);
  }

  in(region: string | undefined): AcmThere {
    const known = this.#opened.get(region);
    if (known) return known;
    const opened = {
      client: new AcmClient(region, this.#connection),
      calls: new AcmCalls(region, this.#connection),
    };
    this.#opened.set(region, opened);
    return opened;
  }

  /** @throws PkiError `usage` where `--region` names another one */
  of(arn: string): AcmThere {
    const region = this.#isFixed ? this.#named : (regionIn(arn) ?? this.#named);
    const said = this.#said;
    if (said === undefined || region === undefined || said === region) return this.in(region);
    throw new PkiError('usage', `--region is ${said}, and ${arn} is of ${region}`, {
      hint: 'leave --region out; "certwright issue NAME --force" with it requests another one there',
    });
  }

  /**
   * The region of an order: that of one which was begun, else the one that is named with `--region`, else that of the
   * certificate whose place it takes, else the one that the environment or the profile names.
   * @throws PkiError `pending-differs` where one was begun in another region than `--region` says; `credentials` where none
   * is named
   */
  async ofOrder(journal: Journal, replaced: string | undefined): Promise<string> {
    if (this.#isFixed && this.#named !== undefined) return this.#named;
    const begun = regionBegun(journal);
    const said = this.#said;
    if (begun !== undefined && said !== undefined && said !== begun) {
      throw new PkiError(
        'pending-differs',
        `an earlier run requested it in ${begun}, and --region is ${said}`,
        { hint: 'leave --region out to go on with it, or drop it with --discard-pending' },
      );
    }
    const theirs = replaced === undefined ? undefined : regionIn(replaced);
    return begun ?? said ?? theirs ?? this.#named ?? (await this.here.client.region());
  }
}

/** `undefined` where nothing was begun, or by a version that did not keep it. */
function regionBegun(journal: Journal): string | undefined {
  const { certificateArn, order } = (journal.read() ?? {}) as {
    certificateArn?: string;
    order?: { region?: string };
  };
  return (certificateArn === undefined ? undefined : regionIn(certificateArn)) ?? order?.region;
}
