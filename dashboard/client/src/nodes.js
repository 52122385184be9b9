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

// Into a form that has just appeared, unless somebody has gone to one of its fields meanwhile: a list they opened would close again.
export function focusSoon(find, afterMs) {
  const before = document.activeElement;
  setTimeout(() => {
    if ([before, document.body].includes(document.activeElement)) find()?.focus();
  }, afterMs);
}
