// The methods, to be hidden and shown; all charts follow.
function fillLegend(place) {
  const list = place.querySelector("ul");
  const buttons = methods.map(method => {
    const item = document.createElement("li"), button = document.createElement("button");
    button.type = "button";
    button.className = `family-${method.family}`;
    button.dataset.method = method.name;
    const swatch = draw(button, "svg", { viewBox: "0 0 34 14", width: 34, height: 14, "aria-hidden": "true" });
    draw(swatch, "path", { class: "route", d: "M1 7H33", "stroke-dasharray": method.dash.join(" ") });
    draw(swatch, "path", { class: "mark", d: markPath(method.mark, 17, 7) });
    const name = document.createElement("span");
    name.textContent = method.name;
    button.append(name);
    button.addEventListener("click", () => toggle(method));
    button.addEventListener("dblclick", () => single(method));
    button.addEventListener("pointerenter", event => event.pointerType === "mouse" && emphasise(method));
    button.addEventListener("pointerleave", () => emphasise(null));
    button.addEventListener("focus", () => button.matches(":focus-visible") && emphasise(method));
    button.addEventListener("blur", () => emphasise(null));
    item.append(button);
    list.append(item);
    return button;
  });
  const all = place.querySelector("#show-all");
  all.addEventListener("click", () => {
    hidden.clear();
    change();
  });
  const update = () => {
    buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(isShown(methods[i]))));
    all.disabled = hidden.size === 0;
  };
  whenChanged(update);
  update();
}
