/** What commands need to word a request, from the store that keeps it. */
export { checkStoreName } from '../store/folder-name.ts';
export { formats, type StoredRequest } from '../store/request.ts';
