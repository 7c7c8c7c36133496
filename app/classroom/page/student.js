// A student's page: join by a code, answer, see. The id that the server gives is all that says who answered.

import { DISCUSS, ask, el, heading, inWords, main, readCode, say, show, watch, whenGone } from "./common.js";
import { control, inText, reveal } from "./figures.js";

const KEPT = "ioi-class";
const kept = () => { try { return JSON.parse(localStorage.getItem(KEPT)) || {}; } catch { return {}; } };
const keep = value => { try { localStorage.setItem(KEPT, JSON.stringify(value)); } catch { /* private mode */ } };

export const student = () => {
  const code = readCode(location.hash.slice(1));
  if (!code) return joinForm(location.hash.length > 1 ? "This link's code is not complete. Type it from the projector." : "");
  const { code: before, id } = kept();
  if (before === code && id) attend(code, id);
  else join(code);
};

const joinForm = words => {
  const refused = el("p", { class: "refused", role: "alert" }, words);
  const input = el("input", { type: "text", class: "code", id: "code", autocomplete: "off", autocapitalize: "characters",
    spellcheck: "false", maxlength: 12, "aria-describedby": "how" });
  const submit = event => {
    event.preventDefault();
    const code = readCode(input.value);
    if (code) join(code);
    else refused.textContent = "A code has eight letters and digits, such as ACDE-3467. Look at the projector.";
  };
  show(
    el("h1", {}, "Join a class"),
    el("form", { onsubmit: submit }, el("p", {}, el("label", { for: "code" }, "Code")),
      el("p", { class: "row" }, input, el("button", { class: "main" }, "Join"))),
    refused,
    el("p", { id: "how" }, `It stands on the projector. No account, no name: your phone gets a random number. The teacher can save all answers, without names. Here all are gone ${whenGone}.`),
  );
};

const join = async code => {
  show(el("h1", {}, "Join a class"), el("p", {}, "Joining ..."));
  try {
    const { student: id } = await ask(code, "join", "", {});
    keep({ code, id });
    history.replaceState(null, "", `#${code}`);
    attend(code, id);
  } catch (error) { joinForm(error.status ? error.message : "The server cannot be reached. Try again."); }
};

const attend = (code, id) => {
  document.getElementById("where").textContent = `IOI Explorer, class ${inWords(code)}`;
  let before = "";
  const again = watch(code, "state", id, state => {
    const now = `${state.version}`;
    if (now === before) return;
    before = now;
    document.title = `${heading(state)} - IOI Explorer`;
    say(announced(state));
    PHASES[state.phase](state, { code, id, again: () => again() });
  }, words => {
    keep({});
    joinForm(words);
  });
};

const announced = state => ({
  waiting: "You have joined. The class begins soon.",
  open: `${state.vote === 2 ? "Second vote" : "New question"}: ${state.ask?.ask}`,
  closed: "The vote is closed.",
  discuss: "Discuss with your neighbours. A second vote follows.",
  reveal: `The answer: ${(state.reveal?.words || []).join(" ")}`,
  told: state.ask?.title,
  end: "The class has ended.",
})[state.phase];

const story = state => [el("h1", {}, heading(state)), state.ask.text.map(text => el("p", {}, text))];
const yours = (state, vote) => state.mine?.[vote] === undefined ? null
  : el("p", { class: "said" }, `Your ${vote === 2 ? "second " : ""}answer: ${inText(state.ask.question, state.mine[vote])}`);

const vote = (state, where) => {
  const { question } = state.ask;
  let answer = state.mine?.[state.vote] ?? (state.vote === 2 ? state.mine?.[1] : undefined);
  let sent = state.mine?.[state.vote] !== undefined;
  const button = el("button", { class: "main big", type: "button" });
  const refused = el("p", { class: "refused", role: "alert" }), taken = el("p");
  const label = () => {
    button.textContent = sent ? "Change my answer" : state.vote === 2 ? "Send my second answer" : "Send my answer";
    taken.className = sent ? "said" : "";
    taken.textContent = sent ? `Your answer is in: ${inText(question, state.mine[state.vote])}. You can change it until the vote closes.` : "";
  };
  button.addEventListener("click", async () => {
    if (answer === undefined) { refused.textContent = "Choose an answer first."; return; }
    const given = JSON.parse(JSON.stringify(answer));
    button.disabled = true;
    refused.textContent = "";
    try {
      await ask(where.code, "vote", where.id, { step: state.step, vote: state.vote, answer: given });
      state.mine = { ...state.mine, [state.vote]: given };
      sent = true;
      label();
      say("Your answer is in.");
    } catch (error) {
      refused.textContent = error.status ? error.message : "Your answer has not arrived: the connection is lost. Send it again.";
      if (error.status === 409) where.again();
    }
    button.disabled = false;
    if (document.activeElement === document.body) button.focus();
  });
  label();
  show(story(state), state.vote === 2 && el("p", {}, "You have talked it over: what do you say now?"),
    control(question, state.ask.ask, answer, value => { answer = value; refused.textContent = ""; }),
    refused, el("p", {}, button), taken);
};

const PHASES = {
  waiting: state => show(el("h1", {}, state.lesson), el("p", { class: "said" }, "You are in. The class begins soon: leave this page open.")),
  open: vote,
  closed: state => show(story(state), el("h2", {}, state.ask.ask), yours(state, state.vote),
    el("p", {}, state.mine?.[state.vote] === undefined ? "The vote is closed, without an answer of yours." : "The vote is closed.")),
  discuss: state => show(story(state), el("h2", {}, state.ask.ask), yours(state, 1),
    el("p", {}, DISCUSS)),
  reveal: state => show(story(state), el("h2", {}, state.ask.ask), state.verdict ? el("p", { class: "said" }, state.verdict) : [yours(state, 1), yours(state, 2)],
    reveal(state.ask.question, state.reveal, state.mine, !state.verdict)),
  told: state => show(story(state), (state.ask.words || []).map(words => el("p", { class: "said" }, words))),
  end: state => show(el("h1", {}, state.lesson), el("p", {}, `The class has ended. Your answers are gone from here ${whenGone}.`),
    el("p", {}, el("a", { href: document.documentElement.dataset.base.replace(/class$/, "") }, "Look around in IOI Explorer"))),
};
