// Elements that the page's own program makes.
export function node(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

export function button(className, text, act) {
  const made = node("button", className, text);
  made.addEventListener("click", act);
  return made;
}
