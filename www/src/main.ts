// The demo page. It uses the public package and nothing else.
import { version } from "regrant";

const output = document.querySelector<HTMLOutputElement>("#version");
if (output) output.value = await version();
