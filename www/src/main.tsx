// The demo page. It uses the public package and nothing else.
import { render } from "preact";
import { demo, openDemo } from "./model/demo.js";
import { App } from "./view/app.js";

const place = document.querySelector("main");
if (place) render(<App />, place);

try {
  demo.value = await openDemo();
} catch (failed) {
  demo.value = { failed };
}
