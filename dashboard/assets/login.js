// A demo account fills the form in; nothing is sent before a person presses the button.
document.addEventListener("click", (event) => {
  const account = event.target.closest?.(".demo");
  if (!account) return;
  const form = document.querySelector("form");
  form.elements.name.value = account.dataset.name;
  form.elements.password.value = account.dataset.password;
  form.querySelector("button").focus();
});
