// A plugin of TypeDoc's: pages are called as their first heading, and modules as they are imported.
import { Converter } from "typedoc";

const MODULES = { "pkg-template": "regrant", "pkg-template/testing": "regrant/testing" };

export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const page of project.documents ?? []) {
      const [, heading] = page.content.map(({ text }) => text).join("").match(/^# (.*)$/m) ?? [];
      if (!heading) throw new Error(`${page.name} has no heading`);
      page.name = page.name.startsWith("docs/guides/") ? `Guides/${heading}` : heading;
    }
    for (const module of project.children ?? []) {
      if (!MODULES[module.name]) throw new Error(`${module.name} is no module of the package`);
      module.name = MODULES[module.name];
    }
  });
}
