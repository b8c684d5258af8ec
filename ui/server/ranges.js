// A number that its control cannot have is said at the control and never sent; the field returns to what runs.
(() => {
  const before = new WeakMap(); // what a field held when it was entered or last sent

  function title(field) {
    const words = field.closest(".block")?.querySelector("[data-testid=block-info]")?.textContent.trim() || "This number";
    return words.split(" · ")[0];
  }

  function fault(field) {
    if (field.validity.badInput || field.value === "") return `${title(field)} needs a number`;
    const [value, low, high] = [Number(field.value), Number(field.min), Number(field.max)];
    const outside = (field.min !== "" && value < low) || (field.max !== "" && value > high);
    return outside ? `${title(field)} is between ${low} and ${high}` : "";
  }

  function note(field, text) {
    const block = field.closest(".block");
    let line = block?.querySelector(".range-note");
    if (!text) return line?.remove();
    if (!line) {
      line = Object.assign(document.createElement("p"), { className: "range-note" });
      line.setAttribute("role", "alert");
      block.append(line);
    }
    line.textContent = text;
  }

  const isField = (target) => target.matches?.("#controls input[type=number], #results input[type=number]");

  function remember(event) {
    if (isField(event.target) && !fault(event.target)) before.set(event.target, event.target.value);
  }

  function guard(event) {
    const field = event.target;
    if (!isField(field)) return;
    const wrong = fault(field);
    if (event.type === "input") {
      if (wrong) event.stopImmediatePropagation(); // half of a number, or one that would be refused
      else { before.set(field, field.value); note(field, ""); }
    } else if (wrong) { // Enter, or the field is left
      event.stopImmediatePropagation();
      const used = before.get(field) ?? field.closest(".block")?.querySelector("input[type=range]")?.value ?? "";
      field.value = used;
      note(field, `${wrong}; ${used} is used.`);
    }
  }

  document.addEventListener("focusin", remember, true);
  for (const name of ["input", "change", "blur"]) document.addEventListener(name, guard, true);
  document.addEventListener("input", (event) => { // the slider of the same control
    if (event.target.matches?.("input[type=range]")) note(event.target, "");
  }, true);
})();
