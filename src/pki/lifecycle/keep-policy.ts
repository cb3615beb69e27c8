import { replace } from '../durable.ts';
import type { CertificateFolder } from '../store/generation.ts';
import { withLock, type LockOptions } from '../store/lock.ts';
import { readRequest, requestText, sameRequest, saysTheSame, type StoredRequest } from '../store/request.ts';

/** Takes over into request.json what asks for no other certificate, such as when it is renewed. */
export async function keepPolicy(
  folder: CertificateFolder,
  request: StoredRequest,
  lock: LockOptions,
): Promise<void> {
  if (!inOtherWords(folder, request)) return;
  await withLock(folder.lockFile, lock, async () => {
    keepPolicyUnderLock(folder, request);
  });
}

/** The same for whoever holds the lock. */
export function keepPolicyUnderLock(folder: CertificateFolder, request: StoredRequest): void {
  const stored = inOtherWords(folder, request);
  if (!stored) return;
  replace(folder.requestFile, { data: requestText(request, stored.unknown()), mode: 0o644 }, 'now');
}

/** What is stored, where it asks for the same certificate and says something else beside. */
function inOtherWords(folder: CertificateFolder, request: StoredRequest): ReturnType<typeof readRequest> {
  const stored = readRequest(folder.requestFile);
  if (!stored || saysTheSame(stored.request, request)) return undefined;
  return sameRequest(stored.request, request) ? stored : undefined;
}
