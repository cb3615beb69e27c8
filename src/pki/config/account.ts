import { PkiError } from '../errors.ts';
import { isAccountNumber } from '../store/ownership.ts';
import { textOrNumber } from './readers.ts';

/** A user or a group, by name or number. */
export const account = textOrNumber((value, label) => {
  // eslint-disable-next-line no-control-regex
  const isName = value !== '' && !/[\u0000-\u0020\u007f:]|^\d+$/.test(value);
  if (isName || isAccountNumber(value)) return value;
  throw new PkiError('bad-input', `${label} ${JSON.stringify(value)} is no name of an account`, {
    hint: 'a name that the machine knows, or its number',
  });
});
