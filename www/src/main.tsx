// The demo page. It uses the public package and nothing else.
import { render } from "preact";
import { openDemo, opened } from "./model/demo.js";
import { keepOffline } from "./offline-ready.js";
import { App } from "./view/app.js";

const place = document.querySelector("main");
if (place) render(<App />, place);

try {
  const page = await openDemo();
  opened.value = page;
  await page.ready;
} catch (failed) {
  opened.value = { failed };
}
await keepOffline();
