/** What commands need to word a request, from the store that keeps it. */
export { checkStoreName } from '../store/folder-name.ts';
export {
  formats,
  keyIsElsewhere,
  validations,
  type Change,
  type StoredRequest,
  type Validation,
} from '../store/request.ts';
