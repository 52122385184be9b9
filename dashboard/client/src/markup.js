// Draws what `dashboard/markup.py` hands over: elements as Dash's own, `{type, props}`, without its bookkeeping for each of them.
// React is Dash's, and is there when anything is drawn.
function element({ type, props: { children, ...attributes } }) {
  return window.React.createElement(type.toLowerCase(), attributes, ...list(children).map(node));
}

const list = (children) => (Array.isArray(children) ? children : [children]);
const node = (one) => (one === null || typeof one !== "object" ? one : Array.isArray(one) ? window.React.createElement(window.React.Fragment, null, ...one.map(node)) : element(one));

window.liandong_markup = { Markup: ({ tree }) => node(tree) };
