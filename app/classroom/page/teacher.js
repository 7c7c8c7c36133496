// The teacher's page, with its one button, and the projector's. Their secrets stand in the links' fragments.

import { DISCUSS, ask, base, el, heading, inWords, joinPage, main, picture, readCode, root, say, show, watch } from "./common.js";
import { answered, changes, reveal, shown, tallied } from "./figures.js";

const opened = () => {
  const [code, secret = "", screenSecret = ""] = location.hash.slice(1).split(".");
  return { code: readCode(code), secret, screenSecret };
};
const gone = words => show(el("h1", {}, "No class here"), el("p", {}, words));
const people = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;
const state = told => ({
  waiting: "Students are joining.",
  open: told.vote === 2 ? "The second vote is open." : "The vote is open.",
  closed: "The vote is closed.",
  discuss: "They discuss.",
  reveal: "The answer is shown.",
  told: "Nothing is asked here.",
  end: "The class has ended.",
})[told.phase];
const counted = told => told.phase === "waiting" ? `${people(told.joined, "phone")} joined`
  : `${told.answered} of ${people(told.joined, "student")} answered`;
const madeUp = told => `${told.made_up} of the ${told.joined} ${told.made_up === 1 ? "is" : "are"} simulated`;
/** What a projector says to the room: what to do now. */
const room = told => ({
  open: `${state(told)} Answer on your phone.`,
  closed: `${state(told)} Wait for what comes next.`,
  discuss: DISCUSS,
})[told.phase] ?? state(told);
const story = (told, level) => told.ask ? [told.ask.text.map(text => el("p", {}, text)),
  (told.ask.words || []).map(words => el("p", { class: "said" }, words)),
  told.ask.question && el(level, {}, told.ask.ask)] : [];

export const teacher = () => {
  const { code, secret, screenSecret } = opened();
  if (!code) return gone("This link is not complete: open the one that came with the class.");
  const title = el("h1"), phase = el("p"), count = el("p", { class: "count" }), asked = el("section", { "aria-label": "Question" });
  const button = el("button", { class: "main big", type: "button" }), now = el("button", { type: "button" }, "Reveal without a second vote");
  const make = el("button", { type: "button" }, "Let 30 simulated students answer"), refused = el("p", { class: "refused", role: "alert" });
  const answers = el("div"), alone = el("details", {}, el("summary", {}, "Answers so far, for you alone"), answers);
  const save = el("button", { type: "button" }, "Save all answers as CSV");
  let version = 0, told = null, moved = 0;  // to which version the button has moved the class; it waits until that is shown
  const doing = work => async () => {
    refused.textContent = "";
    button.disabled = true;
    try { await work(); } catch (error) { refused.textContent = error.status ? error.message : "The server cannot be reached. Try again."; }
    button.disabled = now.disabled = moved > version;
  };
  const press = action => doing(async () => { moved = (await ask(code, "move", secret, { version, action })).version; });
  button.addEventListener("click", press("next"));
  now.addEventListener("click", press("reveal"));
  make.addEventListener("click", doing(() => ask(code, "simulate", secret, { students: 30 })));
  save.addEventListener("click", doing(async () => {
    const address = URL.createObjectURL(await ask(code, "votes.csv", secret));
    el("a", { href: address, download: `class-${code}.csv` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 5000);
  }));
  const draw = () => {
    const another = told.version !== version;
    version = told.version;
    button.disabled = now.disabled = moved > version;
    document.title = `${heading(told)} - teacher`;
    title.textContent = heading(told);
    phase.textContent = state(told);
    count.textContent = counted(told) + (told.made_up ? `; ${madeUp(told)}` : "");
    button.textContent = told.button;
    button.hidden = !told.button;
    now.hidden = !told.may_reveal;
    make.hidden = told.phase !== "open";
    alone.hidden = !told.tallies?.length;
    if (another) {
      say(state(told));
      asked.replaceChildren(...[story(told, "h2"), told.reveal ? reveal(told.ask.question, told.reveal)
        : told.ask?.question?.kind === "choice" ? shown(told.ask.question) : [], told.reveal?.link && el("p", {}, el("a", { href: pageLink(told.reveal.link), target: "_blank", rel: "noreferrer" },
        "Open this figure in IOI Explorer"))].flat(3).filter(Boolean));
    }
    answers.replaceChildren(...(told.tallies || []).flatMap((tally, n) =>
      [el("h2", {}, n ? "Second vote" : "First vote"), tallied(told.ask.question, tally)].flat()), ...[changes(told.shares)].flat().filter(Boolean));
  };
  const screen = `${base}/screen#${code}.${screenSecret}`;
  document.getElementById("where").textContent = "IOI Explorer, teacher. This page is for you: do not project it.";
  watch(code, "teacher", secret, news => {
    told = news;
    if (!main.contains(title)) {
      show(title, el("div", { class: "row" }, button, now), phase, count, refused, el("div", { class: "row" }, make), alone, asked,
        el("h2", {}, "Join"), el("p", { class: "code" }, inWords(code)), picture(code),
        el("p", { class: "links" }, el("a", { href: `${base}#${code}` }, `${joinPage()}#${code}`),
          screenSecret && el("a", { href: screen, target: "_blank", rel: "noreferrer" }, "Open the projector's page")),
        el("div", { class: "row" }, save));
    }
    draw();
  }, gone);
};

/** A page of the app, whatever path the app has; nothing but a path of this server. */
const pageLink = link => base.replace(/\/class$/, "") + (/^\/[^/\\]/.test(link) ? link : "/");

export const screen = () => {
  root.classList.add("screen");
  const { code, secret } = opened();
  if (!code) return gone("This link is not complete: open the one on the teacher's page.");
  const count = el("p", { class: "count" }), of = el("p");
  let version = 0;
  document.getElementById("where").textContent = "IOI Explorer";
  watch(code, "screen", secret, told => {
    count.textContent = told.phase === "waiting" ? told.joined : `${told.answered} of ${told.joined}`;
    of.textContent = (told.phase === "waiting" ? "joined" : "answered") + (told.made_up ? ` (${madeUp(told)})` : "");
    if (told.version === version) return;
    version = told.version;
    document.title = `${heading(told)} - projector`;
    say(room(told));
    const { question } = told.ask || {};
    show(el("h1", {}, heading(told)), el("div", { class: `stage ${told.phase}` },
      el("div", {}, told.phase === "waiting" && el("p", {}, `Open ${joinPage()} on your phone and type the code, or scan it.`),
        told.phase === "end" && el("p", {}, "The class has ended."),
        told.reveal ? [el("h2", {}, told.ask.ask), answered(question, told.reveal)]
          : [story(told, "h2"), question && shown(question), told.ask && el("p", { class: "said" }, room(told))]),
      el("div", { class: "side" }, told.reveal ? changes(told.reveal.shares)
        : [picture(code), el("p", {}, joinPage().replace(/^https?:\/\//, ""))], el("p", { class: "code" }, inWords(code)), count, of)));
  }, gone);
};
