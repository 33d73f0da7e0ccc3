"use strict";
// Stands behind the page in the copy that the test opens: it uses the page as a person does, and writes down what it sees.
// ASKED, in front of it, is [[kind, text, vocabulary or null], …].
const report = document.createElement("pre");
report.id = "answers";
document.body.append(report);
try {
  const pick = (name) => [...document.querySelectorAll("nav button")].find((one) => one.textContent === name).click();
  const said = ASKED.map(([kind, text, vocabulary]) => {
    pick(kind);
    if (vocabulary !== null) $("vocabulary").value = vocabulary;
    $("input").value = text;
    $("input").dispatchEvent(new Event("input"));
    return { ok: $("said").className !== "wrong", text: $("said").textContent, json: $("json").textContent };
  });

  pick("machines");
  const steps = [];
  for (const one of machines) {
    $("which").value = one.name;
    $("which").dispatchEvent(new Event("change"));
    for (const row of one.rows) {
      state = row.state;
      draw();
      const here = [...document.querySelectorAll("svg rect.here")].length;
      const names = [...document.querySelectorAll("svg text.name")].map((text) => text.textContent);
      if (here !== 1 || names.join() !== one.states.map((one) => one.name).join()) throw new Error(`${one.name}: drawn ${names}`);
      for (const label of one.rows.map((row) => row.event)) {
        const found = [...document.querySelectorAll("svg text.label")].some((text) => text.textContent === label);
        if (!found) throw new Error(`${one.name}: no arrow is labelled ${label}`);
      }
      const buttons = [...document.querySelectorAll("#events button")];
      const open = buttons.filter((button) => !button.disabled).map((button) => button.textContent).sort();
      const rows = one.rows.filter((other) => other.state === row.state).map((other) => other.event).sort();
      if (open.join() !== rows.join()) throw new Error(`${one.name} in ${row.state}: ${open} instead of ${rows}`);
      buttons.find((button) => button.textContent === row.event).click();
      steps.push({ machine: one.name, state: row.state, event: row.event, next: state });
    }
    document.querySelector("#begin button").click();
    if (state !== one.initial[0]) throw new Error(`${one.name} begins in ${state}`);
  }
  report.textContent = JSON.stringify({ said, steps });
} catch (error) {
  report.textContent = JSON.stringify({ error: String(error), page: $("said").textContent });
}
