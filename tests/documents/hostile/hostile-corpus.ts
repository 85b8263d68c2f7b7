import { hostileCompounds, hostileGuises, hostilePictures, hostileSecrets } from './hostile-binaries.ts';
import type { Bait, HostileFile } from './hostile-file.ts';
import { hostileMarkup } from './hostile-markup.ts';
import { hostilePaths } from './hostile-paths.ts';
import { hostilePdfs } from './hostile-pdfs.ts';
import { hostileEntities, hostileLinks, hostileStructures } from './hostile-xml.ts';
import { hostileZips } from './hostile-zips.ts';

/** Every hostile file, none of them made yet. */
export function hostileCorpus(bait: Bait): readonly HostileFile[] {
  return [
    ...hostileZips, ...hostilePaths(bait), ...hostileEntities(bait), ...hostileLinks(bait), ...hostileStructures, ...hostilePdfs(bait),
    ...hostileMarkup, ...hostileCompounds, ...hostileSecrets, ...hostilePictures, ...hostileGuises,
  ];
}
