/** How the page of an exploration looks, on a screen of any width, in light and dark, and on paper. */
export const EXPLORE_PAGE_STYLE = `
  :root {
    color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif;
    --back: #fff; --text: #1b1d21; --faint: #5c626b; --line: #d5d8dd; --panel: #f5f6f8;
    --good: #18794e; --bad: #c1272d; --warn: #8a5a00; --changed: #fff0b8; --focus: #2563eb;
    --image-0: #cfe2ff; --image-1: #ffdfae; --image-2: #cdeccf; --image-3: #f6d0e8;
    --image-4: #bfecec; --image-5: #dcd6f7; --torn: #ffd5d2; --other: #dfe1e5; --hatch: #0003;
  }
  @media (prefers-color-scheme: dark) {
    :root {
      --back: #15171b; --text: #e7e9ec; --faint: #9da4ae; --line: #3a3f47; --panel: #1e2126;
      --good: #4cc38a; --bad: #ff8a80; --warn: #f1b840; --changed: #574600; --focus: #7aa8ff;
      --image-0: #1d3f72; --image-1: #6b4510; --image-2: #1f5530; --image-3: #692a54;
      --image-4: #17575a; --image-5: #463c7c; --torn: #6e2622; --other: #454a53; --hatch: #fff3;
    }
  }
  * { box-sizing: border-box; }
  body {
    max-width: 72rem; margin: 1.5rem auto; padding: 0 1rem;
    background: var(--back); color: var(--text); overflow-wrap: anywhere;
  }
  h1 { font-size: 1.4rem; } h2 { font-size: 1.2rem; margin: 2.5rem 0 .25rem; }
  h3 { font-size: 1.05rem; margin: 0; } h4 { font-size: 1rem; margin: 0 0 .5rem; }
  p { margin: .25rem 0; } a { color: inherit; }
  code, pre { font-family: ui-monospace, monospace; font-size: .875em; }
  :focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; }

  .scrolls { overflow-x: auto; }
  table { border-collapse: collapse; margin: .5rem 0; }
  caption, figcaption, .trailers thead th { text-align: left; color: var(--faint); font-size: .85rem; }
  th, td {
    text-align: left; vertical-align: top; padding: .2rem 1rem .2rem 0;
    border-bottom: 1px solid var(--line);
  }
  thead th, tbody th { font-weight: 400; }
  thead th { color: var(--faint); font-size: .85rem; vertical-align: bottom; }
  .overview thead .number { white-space: normal; }
  .overview { overflow-wrap: break-word; }
  .overview th, .overview td { padding-right: .9rem; }
  .overview td, .operations td { white-space: nowrap; }
  .overview tbody th { min-width: 9rem; }
  .operations .what { white-space: normal; min-width: 7rem; } .what strong { white-space: nowrap; }
  .number { white-space: nowrap; text-align: right; font-variant-numeric: tabular-nums; }
  .held { color: var(--good); } .broken { color: var(--bad); font-weight: 600; }
  .unfinished { color: var(--warn); font-weight: 600; }
  .facts { display: flex; flex-wrap: wrap; gap: 0 3rem; align-items: start; }
  .settings th { color: var(--faint); }
  .meaning { display: block; color: var(--faint); font-size: .85rem; line-height: 1.3; }

  .trace {
    margin: 1.5rem 0 0; padding: 1rem; border: 1px solid var(--line); border-radius: .5rem;
  }
  .way { margin: .75rem 0; padding-left: 1.75rem; }
  .way a { text-decoration-color: var(--line); }
  .way a[aria-current] { font-weight: 600; text-decoration-color: currentcolor; }
  .controls {
    position: sticky; top: 0; z-index: 1; display: flex; gap: .5rem; align-items: center;
    padding: .5rem 0; background: var(--back); border-bottom: 1px solid var(--line);
  }
  .controls[hidden] { display: none; }
  .controls button {
    font: inherit; min-width: 2.75rem; min-height: 2.5rem; color: inherit; cursor: pointer;
    background: var(--panel); border: 1px solid var(--line); border-radius: .35rem;
  }
  .controls button[aria-disabled="true"] { opacity: .4; cursor: default; }
  .status { margin: 0; min-width: 7.5rem; text-align: center; font-variant-numeric: tabular-nums; }
  .spoken { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .step { margin-top: 1.5rem; }
  .number-of-step { color: var(--faint); font-weight: 400; margin-right: .5rem; }
  .stepped .step { margin-top: 1rem; }
  .stepped .number-of-step { display: none; }

  dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .5rem 0; }
  dt { color: var(--faint); } dd { margin: 0; }
  figure { margin: .75rem 0; }
  pre {
    margin: .25rem 0; padding: .6rem .75rem; background: var(--panel); border-radius: .35rem;
    white-space: pre-wrap;
  }
  .details { display: flex; flex-wrap: wrap; gap: 0 2.5rem; }
  .details > * { flex: 1 1 20rem; min-width: 0; margin: .25rem 0; }
  .operations { width: 100%; }
  .operations .cut td { color: var(--bad); }
  mark { background: var(--changed); color: inherit; font-weight: 600; padding: 0 .2rem; }
  .before { color: var(--faint); font-size: .85rem; }

  .legend { display: flex; flex-wrap: wrap; gap: .4rem 1.25rem; list-style: none; margin: .75rem 0; padding: 0; font-size: .85rem; }
  .legend li { display: flex; align-items: center; gap: .4rem; }
  .sectors { display: flex; flex-wrap: wrap; gap: 4px; margin-top: .25rem; }
  .sectors.small { gap: 3px; }
  .cell {
    position: relative; display: inline-flex; flex-direction: column; align-items: center;
    justify-content: center; width: 2.5rem; height: 2.5rem; line-height: 1.1; font-weight: 600;
    border: 1px solid var(--faint); border-radius: 2px; background-color: var(--other);
  }
  .cell small { font-weight: 400; font-size: .7rem; }
  .small .cell { width: 1.65rem; height: 1.75rem; font-size: .75rem; }
  .small .cell small { font-size: .6rem; }
  .legend .cell { width: 1.5rem; height: 1.5rem; font-size: .8rem; }
  .image-0 { background-color: var(--image-0); }
  .image-1 { background-color: var(--image-1); }
  .image-2 { background-color: var(--image-2); }
  .image-3 { background-color: var(--image-3); }
  .image-4 { background-color: var(--image-4); }
  .image-5 { background-color: var(--image-5); }
  .image-1, .image-4 { background-image: linear-gradient(to top, var(--hatch) 3px, transparent 3px); }
  .image-2, .image-5 { background-image: linear-gradient(to right, var(--hatch) 3px, transparent 3px); }
  .image-3 { background-image: linear-gradient(to bottom, var(--hatch) 3px, transparent 3px); }
  .erased { background-color: transparent; border-style: dashed; color: var(--faint); }
  .torn {
    background-color: var(--torn);
    background-image: repeating-linear-gradient(135deg, var(--hatch) 0 2px, transparent 2px 7px);
  }
  .has-trailer::after {
    content: ''; position: absolute; top: 0; right: 0; width: 0; height: 0;
    border: .3rem solid; border-color: var(--text) var(--text) transparent transparent;
  }
  .cell.changed { box-shadow: 0 0 0 2px var(--warn); }
  .cell.cut { box-shadow: 0 0 0 3px var(--bad); }
  .sectors .cut::before {
    content: '✂'; position: absolute; top: -.5rem; left: -.5rem; width: 1rem; height: 1rem;
    font-size: .75rem; line-height: 1rem; text-align: center; border-radius: 50%;
    background: var(--bad); color: var(--back);
  }

  @media (max-width: 40rem) {
    body { margin: .75rem auto; padding: 0 .75rem; }
    .trace { padding: .75rem; }
    .controls { gap: .3rem; } .controls button { min-width: 2.25rem; } .status { min-width: 0; flex: 0 1 7rem; }
    dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .4rem; }
    .trailers td, .trailers th, .operations td, .operations th { padding-right: .6rem; }
    .operations .what { min-width: 5rem; }
    .before { display: block; }
  }
  @media print {
    body { max-width: none; margin: 0; font-size: 10pt; }
    .controls { display: none; }
    .step[hidden] { display: block; } .stepped .number-of-step { display: inline; }
    .step, figure, table { break-inside: avoid; }
    h2, h3, h4 { break-after: avoid; }
    .scrolls { overflow: visible; } .overview { font-size: 8pt; } .overview th, .overview td { padding-right: .4rem; }
    .overview td, .operations td, .number { white-space: normal; }
    .cell, mark { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  }
`;
