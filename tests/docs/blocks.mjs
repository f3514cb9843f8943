// Finds the blocks of code on the pages, and what is to be done with each. Runs nothing.
import { readFile, readdir } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** All pages, as paths from the repository's root. */
export async function pages() {
  const inDocs = (await readdir(join(root, "docs"), { recursive: true })).filter((file) => file.endsWith(".md"));
  const others = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "examples/README.md", "pkg-template/README.md"];
  return [...others, ...inDocs.map((file) => join("docs", file)).sort()];
}

/**
 * The blocks of a page: `{ page, line, language, file, text, where }`; `file` is what stands in brackets, `where` is for
 * messages.
 */
export async function blocksOf(page) {
  const lines = (await readFile(join(root, page), "utf8")).split("\n");
  const blocks = [];
  let open;
  for (const [index, line] of lines.entries()) {
    const fence = line.match(/^ *(`{3,}|~{3,})(.*)$/);
    if (open === undefined && fence) {
      const [, language, file] = fence[2].trim().match(/^(\S*)\s*(?:\[(.+)\])?$/) ?? [undefined, fence[2].trim()];
      open = { page, line: index + 1, language, file, text: "", where: `${page}:${index + 1}`, fence: fence[1] };
    } else if (open !== undefined && line.trim() === open.fence) {
      blocks.push(open);
      open = undefined;
    } else if (open !== undefined) {
      open.text += `${line}\n`;
    }
  }
  if (open !== undefined) throw new Error(`${open.where}: the block does not end`);
  return blocks;
}

/** The blocks of all pages. */
export async function allBlocks() {
  return (await Promise.all((await pages()).map(blocksOf))).flat();
}

/** What a program says that it prints: the comments after `console.log(…);` at the end of a line. */
export const promised = (text) => [...text.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, said]) => said);

/** A page's links: `{ to, anchor, where }`, only those to files. */
export async function linksOf(page) {
  const text = (await readFile(join(root, page), "utf8")).replace(/^ *(```|~~~)[\s\S]*?^ *\1/gm, "").replace(/`[^`\n]*`/g, "");
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [path, anchor] = target.split("#");
      const to = path === "" ? page : relative(root, join(root, page, "..", path));
      return { to, anchor, where: `${page}: ${target}` };
    });
}

/** The anchors of a page, as GitHub and the site make them of headings. */
export async function anchorsOf(page) {
  const text = (await readFile(join(root, page), "utf8")).replace(/^```[\s\S]*?^```/gm, "");
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading.toLowerCase().replace(/[^\p{L}\p{N}_ -]/gu, "").trim().replaceAll(" ", "-"),
  );
}

/** Rust's files, in which the threat model's tests are. */
export async function rustFiles() {
  const found = await Promise.all(["src", "tests"].map(async (folder) => (await readdir(join(root, folder), { recursive: true })).map((file) => join(root, folder, file))));
  return found.flat().filter((file) => file.endsWith(".rs") && !file.includes("node_modules"));
}
