import type { FileId } from '../base/id.ts';

/** How Moonshot names a file that was uploaded to it (moonshot-api.md 1.4): here the names of files are all told so. */
const scheme = 'ms://';
const idForm = /^file_[0-9a-f]{32}$/;

/** The URL by which a part of a message names the file `id` of `POST /v1/files`. */
export function storedFileUrl(id: string): string {
  return scheme + id;
}

/** Whether a URL names a file that was uploaded. */
export function namesStoredFile(url: string): boolean {
  return url.startsWith(scheme);
}

/** The id of the file that `url` names; undefined: that can be no id of ours. */
export function storedFileIdOf(url: string): FileId | undefined {
  const id = url.slice(scheme.length);
  return namesStoredFile(url) && idForm.test(id) ? (id as FileId) : undefined;
}
