import type { FileId } from '../base/id.ts';

/** How Moonshot names a file that was uploaded to it (moonshot-api.md 1.4); ours have ids of our own form. */
const form = /^ms:\/\/(file_[0-9a-f]{32})$/;
const idForm = /^file_[0-9a-f]{32}$/;

/** The URL by which a part of a message names the file `id` of `POST /v1/files`; undefined: that is no id of ours, but maybe one of an upstream's. */
export function storedFileUrl(id: string): string | undefined {
  return idForm.test(id) ? `ms://${id}` : undefined;
}

/** The id of the file that lies here and that `url` names; undefined: it names none of ours. */
export function storedFileIdOf(url: string): FileId | undefined {
  const id = form.exec(url)?.[1];
  return id === undefined ? undefined : (id as FileId);
}
