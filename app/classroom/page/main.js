// Who opened the page: a student, the teacher or the projector. Secrets stand in the fragment, which no server sees.

import { base } from "./common.js";

const role = location.pathname.slice(base.length).replace(/\//g, "");
const start = () => role === "teacher" || role === "screen"
  ? import("./teacher.js").then(page => page[role]())
  : import("./student.js").then(page => page.student());
addEventListener("hashchange", () => location.reload());
start();
