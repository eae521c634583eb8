# kit: updated by the template; extend it from app.py
"""Flame graphs: nested lists that a click zooms into, and that can be searched."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from html import escape

MIN_SHARE = 0.002
"""A share of a flame graph's width: narrower frames are left out."""

type Stack = tuple[str, ...]
"""Frames, the outermost first."""

HEAD = """<div class="graph">
<style>
.graph input { font: inherit; width: min(100%, 20rem); padding: .2rem .4rem }
.graph output { font: 13px/1.5 ui-monospace, monospace; overflow-wrap: anywhere; display: block;
  min-height: 3lh; white-space: pre-wrap; margin-top: .4rem }
.flame { min-width: 56rem; margin: .6rem 0 1.2rem; font-size: 12px; line-height: 17px }
.flame ul { display: flex; align-items: end; list-style: none; margin: 0; padding: 0 }
.flame li { flex: none }
.flame li.path { width: 100% !important }
.flame li.off { display: none }
.flame p { margin: 1px 1px 0 0; text-indent: 2px; overflow: hidden; white-space: nowrap;
  cursor: pointer; color: #111; background: hsl(38 75% 68%) }
.flame p.team { background: hsl(205 75% 68%) }
.flame p.kit { background: hsl(150 75% 68%) }
.flame .path > p { opacity: .6 }
.flame p.hit { background: hsl(310 80% 72%) }
.flame p:hover, .flame p:focus { outline: 2px solid currentColor; outline-offset: -2px }
</style>
<input type="search" placeholder="search: a function or a file" aria-label="search">
<output>Click a frame for its line, and to zoom into it.</output>
<div class="scroll"><div class="flame">"""

TAIL = """</div></div>
<script>
(() => {
  const root = document.currentScript.parentElement;
  const output = root.querySelector("output");
  const frames = [...root.querySelectorAll("p")];
  const zoom = frame => {
    root.querySelectorAll("li").forEach(item => item.className = "");
    let item = frame.parentElement;
    const again = root.zoomed === frame;
    root.zoomed = again ? null : frame;
    output.textContent = frame.title + "\\n";
    const link = document.createElement("a");
    link.href = "vscode://file" + frame.dataset.at;
    link.textContent = frame.dataset.at;
    if (frame.dataset.at) output.append(link);
    for (; item && !again; item = item.parentElement.closest("li")) {
      for (const other of item.parentElement.children) other.className = "off";
      item.className = item === frame.parentElement ? "path zoomed" : "path";
    }
  };
  root.addEventListener("click", event => event.target.matches("p") && zoom(event.target));
  root.addEventListener("keydown", event => {
    if (event.key === "Enter" && event.target.matches("p")) zoom(event.target);
  });
  root.querySelector("input").addEventListener("input", event => {
    const wanted = event.target.value.toLowerCase();
    for (const frame of frames) {
      const text = (frame.title + frame.dataset.at).toLowerCase();
      frame.classList.toggle("hit", wanted !== "" && text.includes(wanted));
    }
    const outer = frames.filter(frame => frame.matches(".hit") &&
      !frame.parentElement.parentElement.closest("li:has(> p.hit)"));
    const share = outer.reduce((sum, frame) => sum + Number(frame.dataset.share), 0);
    output.textContent = wanted && `${share.toFixed(1)} % in frames with "${wanted}"`;
  });
})();
</script>
</div>"""


def draw_flame_graph(
    stacks: Mapping[Stack, float],
    unit: str,
    describe: Callable[[str], tuple[str, str, str]],
) -> str:
    """Return a flame graph: each frame as wide as its share, above the frame that called it.

    `describe` returns the kind of a frame (`team`, `kit` or ""), its text, and its absolute
    `file:line`.
    """
    total = sum(stacks.values())

    def draw_callees(stacks: Mapping[Stack, float], caller: float) -> str:
        callees: defaultdict[str, dict[Stack, float]] = defaultdict(dict)
        for stack, weight in stacks.items():
            if stack:
                callees[stack[0]][stack[1:]] = weight
        boxes = ""
        for name, above in sorted(callees.items()):
            weight = sum(above.values())
            if weight >= MIN_SHARE * total:
                kind, text, place = map(escape, describe(name))
                share = weight / total
                boxes += f'<li style="width: {weight / caller:.3%}">'
                boxes += draw_callees(above, weight)
                title = f"{text}&#10;{weight:,.0f} {unit}, {share:.1%}"
                label, _, _ = text.partition("\n")
                boxes += f'<p class="{kind}" tabindex="0" data-share="{share * 100:.3f}"'
                boxes += f' data-at="{place}" title="{title}">{label}</p></li>'
        return boxes and f"<ul>{boxes}</ul>"

    return f"{HEAD}{draw_callees(stacks, total)}{TAIL}"
