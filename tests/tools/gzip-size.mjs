// Prints how many bytes a file takes gzipped at level 9.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

console.log(gzipSync(readFileSync(process.argv[2]), { level: 9 }).length);
