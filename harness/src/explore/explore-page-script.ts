/**
 * What the page of an exploration runs: of each trace it shows one step at a time. It is a text,
 * as the page has it, so that no compiler comes between it and the hash in the page's policy.
 */
export const EXPLORE_PAGE_SCRIPT = `
'use strict';
(() => {
  const traces = Array.from(document.querySelectorAll('.trace'), prepare);
  let lastMoved = traces[0];

  function prepare(element) {
    const trace = {
      element,
      steps: Array.from(element.querySelectorAll('.step')),
      links: Array.from(element.querySelectorAll('.way a')),
      buttons: Array.from(element.querySelectorAll('.controls button')),
      counter: element.querySelector('.counter'),
      spoken: element.querySelector('.spoken'),
      current: 0,
    };
    for (const button of trace.buttons) {
      button.addEventListener('click', () => move(trace, button.dataset.key));
    }
    element.querySelector('.controls').hidden = false;
    element.classList.add('stepped');
    show(trace, 0);
    return trace;
  }

  function show(trace, index) {
    const last = trace.steps.length - 1;
    trace.current = index;
    trace.steps.forEach((step, at) => { step.hidden = at !== index; });
    trace.links.forEach((link, at) => {
      if (at === index) link.setAttribute('aria-current', 'step');
      else link.removeAttribute('aria-current');
    });
    for (const button of trace.buttons) {
      const isBack = button.dataset.key === 'Home' || button.dataset.key === 'ArrowLeft';
      button.setAttribute('aria-disabled', String(index === (isBack ? 0 : last)));
    }
    trace.counter.textContent = 'step ' + index + ' of ' + last;
    trace.spoken.textContent = ': ' + trace.links[index].textContent;
  }

  function move(trace, key) {
    const last = trace.steps.length - 1;
    const targets = { Home: 0, End: last, ArrowLeft: trace.current - 1, ArrowRight: trace.current + 1 };
    const index = Math.min(last, Math.max(0, targets[key]));
    lastMoved = trace;
    if (index === trace.current) return;
    show(trace, index);
    history.replaceState(null, '', '#' + trace.steps[index].id);
  }

  function followHash(block) {
    const id = location.hash.slice(1);
    for (const trace of traces) {
      const index = trace.steps.findIndex((step) => step.id === id);
      if (index === -1) continue;
      lastMoved = trace;
      show(trace, index);
      trace.element.focus({ preventScroll: true });
      trace.element.querySelector('.controls').scrollIntoView({ block });
    }
  }

  // Keys move the trace that has the focus. Without any focus the arrows, which do nothing then,
  // move the trace that was moved last; Home and End still scroll the page.
  document.addEventListener('keydown', (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const isArrow = event.key === 'ArrowLeft' || event.key === 'ArrowRight';
    if (!isArrow && event.key !== 'Home' && event.key !== 'End') return;
    const focused = document.activeElement;
    const isNowhere = focused === null || focused === document.body;
    const trace = traces.find(({ element }) => element.contains(focused))
      || (isNowhere && isArrow ? lastMoved : undefined);
    if (trace === undefined) return;
    event.preventDefault();
    if (isNowhere) trace.element.focus({ preventScroll: true });
    move(trace, event.key);
  });

  window.addEventListener('hashchange', () => followHash('nearest'));
  followHash('start');
})();
`;
